import { type AuthMode, type ChatClient, ChatError, type SignInResult } from '../../../client/index.ts';
import { elementById } from './elements.ts';

/** The sign-in form. */
export class SignIn {
  readonly #view = elementById('sign-in', HTMLElement);
  readonly #form = elementById('sign-in-form', HTMLFormElement);
  readonly #name = elementById('username', HTMLInputElement);
  readonly #password = elementById('password', HTMLInputElement);
  readonly #error = elementById('sign-in-error', HTMLParagraphElement);
  readonly #register = elementById('register', HTMLButtonElement);
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
        this.#error.textContent = 'Choose a password of at least 8 characters.';
        this.#password.focus();
        return;
      }
      void this.#try(() => this.#client.register(this.#name.value, this.#password.value));
    });
  }

  /** Requires a password if the nodes do. */
  setAuthMode(auth: AuthMode): void {
    this.#password.required = auth === 'token';
  }

  /** Shows the form, with the reason if there is one. */
  show(reason = ''): void {
    this.#view.hidden = false;
    this.#error.textContent = reason;
    this.#name.focus();
  }

  async #try(enter: () => Promise<SignInResult>): Promise<void> {
    this.#error.textContent = '';
    this.#setBusy(true);
    try {
      const session = await enter();
      this.#password.value = '';
      // Before the form is hidden: if the user's page cannot be shown, the form reports the error.
      this.#enter(session);
      this.#view.hidden = true;
    } catch (error) {
      this.#error.textContent = errorText(error);
    } finally {
      this.#setBusy(false);
    }
  }

  #setBusy(busy: boolean): void {
    for (const button of this.#form.querySelectorAll('button')) button.disabled = busy;
  }
}

function errorText(error: unknown): string {
  if (!(error instanceof ChatError)) return String(error);
  if (error.retryAfterMs !== undefined) {
    return `${error.message} (try again in ${Math.ceil(error.retryAfterMs / 1000)} s)`;
  }
  return error.message;
}
