import { part } from './elements.ts';

/** The field in which a message is written. Each group keeps its own draft. */
export class Composer {
  readonly #form = part('composer', HTMLFormElement);
  readonly #draft = part('draft', HTMLTextAreaElement);
  readonly #drafts = new Map<number, string>();
  readonly #closing = new AbortController();
  #groupId: number | undefined;

  /** `send` gets the text of a message that is not empty. */
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
        // While a word is composed (Japanese, accents), Enter belongs to the input method.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        submit();
      },
      { signal },
    );
  }

  /** Goes over to another group. */
  open(groupId: number | undefined): void {
    if (groupId === this.#groupId) return;
    if (this.#groupId !== undefined) this.#drafts.set(this.#groupId, this.#draft.value);
    this.#groupId = groupId;
    this.#draft.value = groupId === undefined ? '' : (this.#drafts.get(groupId) ?? '');
    // On a touch screen the keyboard would cover what one has come to read.
    if (groupId !== undefined && matchMedia('(hover: hover)').matches) this.#draft.focus();
  }

  /** Ends what listens on the page. */
  close(): void {
    this.#closing.abort();
    this.#draft.value = '';
  }
}
