/** Reports the progress on the way to `total` rows, about once a second. */
export class Progress {
  readonly #notice: (text: string) => void;
  readonly #startedAt = performance.now();
  #reportedAt = this.#startedAt;

  constructor(notice: (text: string) => void) {
    this.#notice = notice;
  }

  /** Reports that `rows` of `total` are done, unless the last report was less than a second ago. */
  at(rows: number, total: number): void {
    const now = performance.now();
    if (now - this.#reportedAt < 1000) return;
    this.#reportedAt = now;
    const percent = total === 0 ? 100 : Math.floor((100 * rows) / total);
    this.#notice(
      `${rows.toLocaleString('en')} of ${total.toLocaleString('en')} rows (${percent} %), ${this.rate(rows)}`,
    );
  }

  /** Returns the average speed until `rows` were done, as text. */
  rate(rows: number): string {
    const seconds = Math.max(0.001, (performance.now() - this.#startedAt) / 1000);
    return `${Math.round(rows / seconds).toLocaleString('en')} rows/s`;
  }
}
