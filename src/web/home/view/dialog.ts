import { messageOf } from '../../../message-of.ts';
import { button, createElement, elementById, setChildren } from './elements.ts';

/** The content of a dialog. */
export interface DialogContent {
  title: string;
  body: readonly Element[];
  /** The label of the submit button; none for a dialog that only shows something. */
  action?: string;
  /** Runs on submit. If it fails, the dialog stays open and shows the error. */
  act?: () => Promise<void>;
  /** Further buttons. Each closes the dialog when its action succeeds. */
  others?: readonly { text: string; act: () => Promise<void> }[];
}

/** The dialog of the page. The browser traps the focus, closes the dialog on Escape and restores the focus. */
export class Dialog {
  readonly #dialog = elementById('dialog', HTMLDialogElement);
  readonly #form = elementById('dialog-form', HTMLFormElement);
  readonly #title = elementById('dialog-title', HTMLHeadingElement);
  readonly #body = elementById('dialog-body', HTMLDivElement);
  readonly #error = elementById('dialog-error', HTMLParagraphElement);
  readonly #buttons = elementById('dialog-buttons', HTMLDivElement);
  #content: DialogContent | undefined;

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#run(this.#content?.act);
    });
  }

  /** Opens the dialog with this content. */
  open(content: DialogContent): void {
    this.#content = content;
    this.#title.textContent = content.title;
    this.#error.textContent = '';
    setChildren(this.#body, content.body);
    const submit = createElement('button', { text: content.action ?? 'Close' });
    const others = (content.others ?? []).map(({ text, act }) => button(text, 'secondary', () => void this.#run(act)));
    const cancel = button('Cancel', 'secondary', () => this.#dialog.close());
    setChildren(this.#buttons, [submit, ...others, ...(content.action === undefined ? [] : [cancel])]);
    // A dialog may open from another: it is closed first, so that the focus moves to the new field or button.
    this.#dialog.close();
    this.#dialog.showModal();
  }

  /** Shows an error, if this content is still the open one. */
  showError(content: DialogContent | undefined, error: unknown): void {
    if (content !== this.#content) return;
    this.#error.textContent = messageOf(error);
  }

  /** Closes the dialog if it is open. */
  close(): void {
    this.#dialog.close();
  }

  /** Runs an action. A slow one may end when other content is open: that must not be closed or show the error. */
  async #run(act: () => Promise<void> = async () => {}): Promise<void> {
    const started = this.#content;
    const buttons = [...this.#buttons.querySelectorAll('button')];
    for (const one of buttons) one.disabled = true;
    this.#error.textContent = '';
    try {
      await act();
      if (started === this.#content) this.#dialog.close();
    } catch (error) {
      this.showError(started, error);
    } finally {
      for (const one of buttons) one.disabled = false;
    }
  }
}
