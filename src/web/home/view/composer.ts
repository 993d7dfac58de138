import { elementById } from './elements.ts';

/** The message input. Each group keeps its own draft. */
export class Composer {
  readonly #form = elementById('composer', HTMLFormElement);
  readonly #draft = elementById('draft', HTMLTextAreaElement);
  readonly #drafts = new Map<number, string>();
  readonly #closing = new AbortController();
  #groupId: number | undefined;

  /** `send` is called with each text that is not blank. */
  constructor(send: (text: string) => void) {
    const { signal } = this.#closing;
    const submit = () => {
      const text = this.#draft.value;
      if (text.trim() === '') return;
      this.#draft.value = '';
      send(text);
    };
    this.#form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        submit();
        this.#draft.focus();
      },
      { signal },
    );
    this.#draft.addEventListener(
      'keydown',
      (event) => {
        // While a word is being composed (Japanese, accents), Enter belongs to the input method.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        submit();
      },
      { signal },
    );
  }

  /** Switches to another group. */
  open(groupId: number | undefined): void {
    if (groupId === this.#groupId) return;
    if (this.#groupId !== undefined) this.#drafts.set(this.#groupId, this.#draft.value);
    this.#groupId = groupId;
    this.#draft.value = groupId === undefined ? '' : (this.#drafts.get(groupId) ?? '');
    // On a touch screen the keyboard would cover the messages.
    if (groupId !== undefined && matchMedia('(hover: hover)').matches) this.#draft.focus();
  }

  /** Removes the event listeners and clears the text. */
  close(): void {
    this.#closing.abort();
    this.#draft.value = '';
  }
}
