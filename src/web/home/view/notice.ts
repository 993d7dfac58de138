import type { NoticeContent } from '../model/cluster-notices.ts';
import { elementById } from './elements.ts';

/** How long a notice of tone `info` stays, in milliseconds. */
const INFO_MS = 12_000;

/** The line under the bar that shows what has happened. Screen readers announce it. */
export class Notice {
  readonly #line = elementById('notice', HTMLParagraphElement);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Shows a notice. A warning stays until the next notice; information disappears by itself. */
  show({ text, tone }: NoticeContent): void {
    clearTimeout(this.#timer);
    if (this.#line.textContent !== text) this.#line.textContent = text;
    this.#line.className = tone;
    if (tone === 'info') this.#timer = setTimeout(() => this.clear(), INFO_MS);
  }

  /** Removes the notice. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#line.textContent = '';
  }
}
