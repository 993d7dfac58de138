const MOST_COLUMNS = 100;

/** One line on stderr that says what is being done; where stderr is no terminal, one line a step. */
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
    if (this.#stream.isTTY) this.#stream.write(`\r\x1b[2K${line.slice(0, MOST_COLUMNS)}`);
    else this.#stream.write(`${line}\n`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[2K');
  }
}
