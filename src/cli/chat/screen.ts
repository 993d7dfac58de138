import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const PROMPT = '> ';

/** A terminal, a file or a pipe. */
type TerminalOutput = Writable & { isTTY?: boolean; columns?: number };

/** The chat's terminal or pipe: reads lines one by one and prints lines above the one being typed. */
export class Screen {
  readonly #lines: Interface & { prevRows?: number };
  readonly #iterator: AsyncIterable<string>;
  readonly #output: TerminalOutput;
  readonly #isTerminal: boolean;

  constructor(input: Readable & { isTTY?: boolean }, output: TerminalOutput) {
    this.#isTerminal = input.isTTY === true && output.isTTY === true;
    this.#output = output;
    this.#lines = createInterface({ input, output, terminal: this.#isTerminal, prompt: PROMPT });
    // Starts at once: lines from a pipe arrive while the user is still being signed in, and would be lost.
    this.#iterator = this.#lines[Symbol.asyncIterator]();
    this.#lines.once('SIGINT', () => this.#lines.close());
  }

  /** Iterates over typed or piped lines until the input ends, Ctrl-C, Ctrl-D or close(). */
  lines(): AsyncIterable<string> {
    return this.#iterator;
  }

  /** Prints a line above the one being typed. */
  print(text: string): void {
    if (!this.#isTerminal) {
      this.#output.write(`${text}\n`);
      return;
    }
    // The typed line may have wrapped: move to its first row and clear everything from there on.
    const { rows } = this.#lines.getCursorPos();
    this.#output.write(`${rows > 0 ? `\x1b[${rows}A` : ''}\r\x1b[J${text}\n`);
    // Readline still assumes that the prompt starts that many rows above; it starts here now.
    this.#lines.prevRows = 0;
    this.#lines.prompt(true);
  }

  /** Prints a notice of the program itself. */
  notice(text: string): void {
    this.print(this.#isTerminal ? `\x1b[2m— ${text}\x1b[0m` : `— ${text}`);
  }

  /** Removes the typed line, wrapped or not, from a terminal: the line reappears as the stored message. */
  eraseTyped(line: string): void {
    if (!this.#isTerminal) return;
    // A terminal without a size, for example inside a script, reports 0.
    const rows = Math.ceil((line.length + PROMPT.length) / (this.#output.columns || 80));
    this.#output.write('\x1b[1A\x1b[2K\r'.repeat(rows));
  }

  /** Ends lines(). */
  close(): void {
    this.#lines.close();
    if (this.#isTerminal) this.#output.write('\r\x1b[2K');
  }
}
