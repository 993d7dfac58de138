import { part } from './elements.ts';

/** Nearer to an end than this counts as being there, in pixels. */
const NEAR = 80;

/**
 * Where the reader is in the messages: at the end they stay at the end when messages come, further up they keep their
 * place, and at the top older messages are loaded.
 */
export class ScrollPlace {
  readonly #scroller = part('scroller', HTMLDivElement);
  readonly #list = part('messages', HTMLOListElement);
  readonly #jump = part('jump', HTMLButtonElement);
  readonly #loadOlder: () => Promise<void>;
  readonly #closing = new AbortController();
  #isAtEnd = true;
  #loading = false;

  constructor(loadOlder: () => Promise<void>) {
    this.#loadOlder = loadOlder;
    const { signal } = this.#closing;
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { signal, passive: true });
    this.#jump.addEventListener('click', () => this.toEnd(), { signal });
    // A keyboard on a phone, a longer draft or a notice makes the view lower: the newest message stays in it.
    const resized = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    resized.observe(this.#scroller);
    signal.addEventListener('abort', () => resized.disconnect());
  }

  /** Whether the reader is at the end, give or take a line or two. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Runs a change of the messages and keeps the reader's place. `afresh` begins at the end. */
  keep(afresh: boolean, change: () => void): void {
    const last = this.#list.lastElementChild;
    const anchor = this.#firstInView();
    const offset = anchor === undefined ? 0 : bottomOf(anchor) - this.#scroller.scrollTop;
    change();
    if (afresh || this.#isAtEnd) this.toEnd();
    else {
      if (anchor?.isConnected) this.#scroller.scrollTop = bottomOf(anchor) - offset;
      if (this.#list.lastElementChild !== last) this.#jump.hidden = false;
    }
    this.#fillUp();
  }

  /** Scrolls to the newest message. */
  toEnd(): void {
    this.#isAtEnd = true;
    this.#jump.hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Ends what listens on the page. */
  close(): void {
    this.#closing.abort();
    this.#jump.hidden = true;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#isAtEnd) this.#jump.hidden = true;
    this.#fillUp();
  }

  #firstInView(): HTMLElement | undefined {
    const { scrollTop } = this.#scroller;
    // Messages only: the line of a day stays at the top when older messages of that day come in under it.
    const messages = this.#list.querySelectorAll<HTMLElement>('.message');
    return [...messages].find((message) => bottomOf(message) > scrollTop);
  }

  /** Loads older messages where the reader has come near the top, or where the loaded ones do not fill the view. */
  #fillUp(): void {
    if (this.#loading || this.#scroller.clientHeight === 0 || this.#scroller.scrollTop > NEAR) return;
    this.#loading = true;
    this.#loadOlder()
      .catch(() => {})
      .finally(() => {
        this.#loading = false;
      });
  }
}

/** Not the top: a message loses the name above it when an earlier one of the same sender comes before it. */
function bottomOf(message: HTMLElement): number {
  return message.offsetTop + message.offsetHeight;
}
