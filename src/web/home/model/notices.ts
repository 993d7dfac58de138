/** A sentence for the user: a `warning` about something that lasts, or `info` about something that has happened. */
export interface NoticeContent {
  text: string;
  tone: 'info' | 'warning';
}

/** Returns a notice whose text is always in the current language. */
export function notice(text: () => string, tone: NoticeContent['tone']): NoticeContent {
  return {
    get text() {
      return text();
    },
    tone,
  };
}

/** How long information stays, in milliseconds. */
const INFO_MS = 12_000;

/** The notice that the page shows: what has happened just now, or else what is wrong. */
export class Notices {
  readonly #changed: () => void;
  readonly #infoMs: number;
  #info: NoticeContent | undefined;
  #warning: NoticeContent | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(changed: () => void, infoMs = INFO_MS) {
    this.#changed = changed;
    this.#infoMs = infoMs;
  }

  /** The notice to show. */
  get current(): NoticeContent | undefined {
    return this.#info ?? this.#warning;
  }

  /** Shows a notice at once. A warning stays until it is withdrawn; information disappears by itself. */
  show(notice: NoticeContent): void {
    clearTimeout(this.#timer);
    this.#info = undefined;
    if (notice.tone === 'warning') this.#warning = notice;
    else {
      this.#info = notice;
      this.#timer = setTimeout(() => {
        this.#info = undefined;
        this.#changed();
      }, this.#infoMs);
    }
    this.#changed();
  }

  /** Withdraws the warning. */
  withdraw(): void {
    this.#warning = undefined;
    this.#changed();
  }
}
