const MAX_COLUMNS = 100;

/** Shows the current step on one line of stderr, or one line per step if stderr is not a terminal. */
export class Progress {
  readonly #startedAt = performance.now();
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  /** Shows `step`, with the seconds since the start. */
  say(step: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(0).padStart(4);
    const line = `${seconds} s  ${step}`;
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[2K${line.slice(0, MAX_COLUMNS)}`);
    else this.#stream.write(`${line}\n`);
  }

  /** Clears the line. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[2K');
  }
}
