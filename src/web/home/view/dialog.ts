import { arrange, button, make, part } from './elements.ts';

/** What a dialog asks. */
export interface Question {
  title: string;
  body: readonly Element[];
  /** The button that does it; none for a dialog that only shows. */
  action?: string;
  /** Runs on submit; an error keeps the dialog open and is shown in it. */
  act?: () => Promise<void>;
  /** Further buttons that close the dialog when what they do has worked. */
  others?: readonly { text: string; act: () => Promise<void> }[];
}

/** The one dialog of the page. The browser keeps focus inside, closes it on Escape and gives the focus back. */
export class Dialog {
  readonly #dialog = part('dialog', HTMLDialogElement);
  readonly #form = part('dialog-form', HTMLFormElement);
  readonly #title = part('dialog-title', HTMLHeadingElement);
  readonly #body = part('dialog-body', HTMLDivElement);
  readonly #error = part('dialog-error', HTMLParagraphElement);
  readonly #buttons = part('dialog-buttons', HTMLDivElement);
  #asked: Question | undefined;

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run(this.#asked?.act);
    });
  }

  /** Opens with a question. */
  ask(question: Question): void {
    this.#asked = question;
    this.#title.textContent = question.title;
    this.#error.textContent = '';
    arrange(this.#body, question.body);
    const submit = make('button', { text: question.action ?? 'Close' });
    const others = (question.others ?? []).map(({ text, act }) => button(text, 'quiet', () => void this.#run(act)));
    const cancel = button('Cancel', 'quiet', () => this.#dialog.close());
    arrange(this.#buttons, [submit, ...others, ...(question.action === undefined ? [] : [cancel])]);
    // A question may follow from another one: closed first, so that the focus goes to the new one's field or button.
    this.#dialog.close();
    this.#dialog.showModal();
  }

  /** Says what went wrong with a question, if that is the one being asked. */
  complain(question: Question | undefined, error: unknown): void {
    if (question !== this.#asked) return;
    this.#error.textContent = error instanceof Error ? error.message : String(error);
  }

  /** Closes it, if it is open. */
  close(): void {
    this.#dialog.close();
  }

  /** What takes long may end when another question is being asked: that one is not to be closed or blamed for it. */
  async #run(act: () => Promise<void> = async () => {}): Promise<void> {
    const asked = this.#asked;
    const buttons = [...this.#buttons.querySelectorAll('button')];
    for (const one of buttons) one.disabled = true;
    this.#error.textContent = '';
    try {
      await act();
      if (asked === this.#asked) this.#dialog.close();
    } catch (error) {
      this.complain(asked, error);
    } finally {
      for (const one of buttons) one.disabled = false;
    }
  }
}
