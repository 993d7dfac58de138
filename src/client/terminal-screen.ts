import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const PROMPT = '> ';

/** A terminal, or a file or pipe in its place. */
type Output = Writable & { isTTY?: boolean; columns?: number };

/** A terminal, or a pipe, as the chat uses it: lines come in one by one, lines go out above the one being typed. */
export class Screen {
  readonly #lines: Interface & { prevRows?: number };
  readonly #iterator: AsyncIterable<string>;
  readonly #output: Output;
  readonly #isTerminal: boolean;

  constructor(input: Readable & { isTTY?: boolean }, output: Output) {
    this.#isTerminal = input.isTTY === true && output.isTTY === true;
    this.#output = output;
    this.#lines = createInterface({ input, output, terminal: this.#isTerminal, prompt: PROMPT });
    // Begun at once: lines of a pipe come while the user is still being signed in, and would be lost.
    this.#iterator = this.#lines[Symbol.asyncIterator]();
    this.#lines.once('SIGINT', () => this.#lines.close());
  }

  /** Typed or piped lines, until the input ends, Ctrl-C, Ctrl-D or close(). */
  lines(): AsyncIterable<string> {
    return this.#iterator;
  }

  /** Shows a line; what is being typed stays below it. */
  say(text: string): void {
    if (!this.#isTerminal) {
      this.#output.write(`${text}\n`);
      return;
    }
    // What is being typed may have wrapped: up to its first row, and everything from there on gives way.
    const { rows } = this.#lines.getCursorPos();
    this.#output.write(`${rows > 0 ? `\x1b[${rows}A` : ''}\r\x1b[J${text}\n`);
    // Where readline believes that the prompt begins that many rows above: now it begins here.
    this.#lines.prevRows = 0;
    this.#lines.prompt(true);
  }

  /** Shows a remark of the program itself. */
  remark(text: string): void {
    this.say(this.#isTerminal ? `\x1b[2m— ${text}\x1b[0m` : `— ${text}`);
  }

  /** On a terminal the typed line comes back as the message that was stored: takes the typed one away, wrapped or not. */
  forgetTyped(line: string): void {
    if (!this.#isTerminal) return;
    // A terminal without a size, as one behind a script may be, says 0.
    const rows = Math.ceil((line.length + PROMPT.length) / (this.#output.columns || 80));
    this.#output.write('\x1b[1A\x1b[2K\r'.repeat(rows));
  }

  /** Ends lines(). */
  close(): void {
    this.#lines.close();
    if (this.#isTerminal) this.#output.write('\r\x1b[2K');
  }
}
