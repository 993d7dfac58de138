import { elementById } from './elements.ts';

/** A distance to either end below this counts as being there, in pixels. */
const NEAR = 80;

/**
 * The scroll position in the messages. At the end it follows new messages; further up it stays in place; at the top it
 * loads older messages.
 */
export class ScrollPosition {
  readonly #scroller = elementById('scroller', HTMLDivElement);
  readonly #list = elementById('messages', HTMLOListElement);
  readonly #jump = elementById('jump', HTMLButtonElement);
  readonly #loadOlder: () => Promise<void>;
  readonly #closing = new AbortController();
  #isAtEnd = true;
  #loading = false;

  constructor(loadOlder: () => Promise<void>) {
    this.#loadOlder = loadOlder;
    const { signal } = this.#closing;
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { signal, passive: true });
    this.#jump.addEventListener('click', () => this.toEnd(), { signal });
    // An on-screen keyboard, a longer draft or a notice shrinks the view: the newest message must stay visible.
    const resized = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    resized.observe(this.#scroller);
    signal.addEventListener('abort', () => resized.disconnect());
  }

  /** True if the view is at the end, within a line or two. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Runs a change of the messages and preserves the position. `isNewGroup` scrolls to the end. */
  preserve(isNewGroup: boolean, change: () => void): void {
    const last = this.#list.lastElementChild;
    const anchor = this.#firstInView();
    const offset = anchor === undefined ? 0 : bottomOf(anchor) - this.#scroller.scrollTop;
    change();
    if (isNewGroup || this.#isAtEnd) this.toEnd();
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

  /** Removes the event listeners. */
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
    // Messages only: a day heading stays at the top when older messages of that day are inserted under it.
    const messages = this.#list.querySelectorAll<HTMLElement>('.message');
    return [...messages].find((message) => bottomOf(message) > scrollTop);
  }

  /** Loads older messages if the view is near the top or the loaded messages do not fill it. */
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

/** Measures from the bottom: a message loses its name line when an earlier one of the same sender is inserted before it. */
function bottomOf(message: HTMLElement): number {
  return message.offsetTop + message.offsetHeight;
}
