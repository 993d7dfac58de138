import type { Report } from '../model/cluster-notices.ts';
import { part } from './elements.ts';

/** How long a calm notice stays. */
const CALM_MS = 12_000;

/** The line under the bar that says what has happened; screen readers read it out. */
export class Notice {
  readonly #line = part('notice', HTMLParagraphElement);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Shows a sentence: trouble stays until the next one, calm goes by itself. */
  show({ text, tone }: Report): void {
    clearTimeout(this.#timer);
    if (this.#line.textContent !== text) this.#line.textContent = text;
    this.#line.className = tone;
    if (tone === 'calm') this.#timer = setTimeout(() => this.clear(), CALM_MS);
  }

  /** Takes it away. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#line.textContent = '';
  }
}
