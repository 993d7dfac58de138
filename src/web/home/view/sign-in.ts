import { type AuthMode, type ChatClient, ChatError, type SignInResult } from '../../../client/index.ts';
import { part } from './elements.ts';

/** The form that lets a user in. */
export class SignIn {
  readonly #view = part('sign-in', HTMLElement);
  readonly #form = part('sign-in-form', HTMLFormElement);
  readonly #name = part('username', HTMLInputElement);
  readonly #password = part('password', HTMLInputElement);
  readonly #error = part('sign-in-error', HTMLParagraphElement);
  readonly #register = part('register', HTMLButtonElement);
  readonly #client: ChatClient;
  readonly #enter: (session: SignInResult) => void;

  constructor(client: ChatClient, enter: (session: SignInResult) => void) {
    this.#client = client;
    this.#enter = enter;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const password = this.#password.value === '' ? undefined : this.#password.value;
      void this.#try(() => this.#client.login(this.#name.value, password));
    });
    this.#register.addEventListener('click', () => {
      if (!this.#form.reportValidity()) return;
      if (this.#password.value === '') {
        this.#error.textContent = 'Registering takes a password of 8 characters or more.';
        this.#password.focus();
        return;
      }
      void this.#try(() => this.#client.register(this.#name.value, this.#password.value));
    });
  }

  /** Asks for a password where the nodes do. */
  askFor(auth: AuthMode): void {
    this.#password.required = auth === 'token';
  }

  /** Shows the form, with a reason where there is one. */
  show(reason = ''): void {
    this.#view.hidden = false;
    this.#error.textContent = reason;
    this.#name.focus();
  }

  async #try(enter: () => Promise<SignInResult>): Promise<void> {
    this.#error.textContent = '';
    this.#busy(true);
    try {
      const session = await enter();
      this.#password.value = '';
      // Before the form goes: where the page of the user cannot be shown, the form is there to say so.
      this.#enter(session);
      this.#view.hidden = true;
    } catch (error) {
      this.#error.textContent = sentenceOf(error);
    } finally {
      this.#busy(false);
    }
  }

  #busy(busy: boolean): void {
    for (const button of this.#form.querySelectorAll('button')) button.disabled = busy;
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof ChatError)) return String(error);
  if (error.retryAfterMs !== undefined) {
    return `${error.message} (try again in ${Math.ceil(error.retryAfterMs / 1000)} s)`;
  }
  return error.message;
}
