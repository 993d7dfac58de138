/// <reference lib="dom" />

/** A view that is closer to an end than this counts as being there, in pixels. */
const NEAR = 80;
/** The same for the start: the first message, scrolled to the top of the view when it gets the focus, is up to 180 pixels below it. */
const NEAR_START = 200;

/** A place that stays where it is while messages are added: a message, and its distance from the top of the view. */
export interface Anchor {
  message: HTMLElement | undefined;
  offset: number;
}

/** The scrolling element of the messages. */
export class ScrollPosition {
  readonly #scroller: HTMLElement;

  constructor(scroller: HTMLElement) {
    this.#scroller = scroller;
  }

  get isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  get isAtStart(): boolean {
    return this.#scroller.clientHeight > 0 && this.#scroller.scrollTop <= NEAR_START;
  }

  /** Scrolls to the end. */
  toEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Scrolls an element to a third of the view. */
  toElement(element: HTMLElement): void {
    this.#scroller.scrollTop = element.offsetTop - this.#scroller.clientHeight / 3;
  }

  /** Returns the first message in view, which {@link keep} keeps in place. Only messages: a day heading stays at the top when older messages of that day are inserted under it. */
  anchor(): Anchor {
    const message = this.#messages().find((one) => bottomOf(one) > this.#scroller.scrollTop);
    return { message, offset: message === undefined ? 0 : bottomOf(message) - this.#scroller.scrollTop };
  }

  /** Scrolls so that the anchor is where it was. */
  keep({ message, offset }: Anchor): void {
    if (message?.isConnected) this.#scroller.scrollTop = bottomOf(message) - offset;
  }

  /** Returns the last message whose end is in view. */
  lastSeen(): HTMLElement | undefined {
    const bottom = this.#scroller.scrollTop + this.#scroller.clientHeight;
    return this.#messages().findLast((one) => one.dataset.id !== undefined && bottomOf(one) <= bottom + NEAR / 4);
  }

  #messages(): HTMLElement[] {
    return [...this.#scroller.querySelectorAll<HTMLElement>('.message')];
  }
}

/** Measures from the bottom: a message loses its name line when an earlier one of the same sender is inserted before it. */
function bottomOf(message: HTMLElement): number {
  return message.offsetTop + message.offsetHeight;
}
