import { errorMessage } from '../../error-message.ts';
import { printableLines } from '../../log/printable.ts';
import { Exit } from './exit.ts';

/** The terminal, file or pipe that a command writes to. */
export interface Io {
  /** Writes a line, or several, of the result. */
  print(text: string): void;
  /** Writes the result as JSON, for `--json`. */
  printJson(value: unknown): void;
  /** Writes a notice that is not part of the result, such as progress, to standard error. */
  notice(text: string): void;
  /** Clears the terminal before the next frame of `--watch`; does nothing in a file or pipe. */
  clear(): void;
  /** True if colours are wanted: on a terminal that has them, and without NO_COLOR. */
  readonly hasColours: boolean;
  /** The width of the terminal in characters; infinite in a file or pipe. */
  readonly columns: number;
}

/** Returns the standard output and error of this process. */
export function processIo(): Io {
  const { stdout, stderr } = process;
  let isWatched = false;
  // A notice that cannot be written, to a closed pipe or terminal, is lost: the command goes on, and cleans up at its end.
  stderr.on('error', () => undefined);
  const print = (text: string) => {
    if (!isWatched) stdout.on('error', endWithoutOutput);
    isWatched = true;
    stdout.write(`${text}\n`);
  };
  const endWithoutOutput = (error: NodeJS.ErrnoException) => {
    // The reader has closed the pipe, as with "| head": what is left to write is not wanted.
    if (error.code === 'EPIPE') process.exit(Exit.OK);
    notice(`standard output cannot be written: ${errorMessage(error)}`);
    process.exit(Exit.FAILED);
  };
  const notice = (text: string) => void stderr.write(`${printableLines(text)}\n`);
  return {
    print,
    printJson: (value) => print(JSON.stringify(value, null, stdout.isTTY ? 2 : undefined)),
    notice,
    clear() {
      if (stdout.isTTY) stdout.write('\x1b[H\x1b[2J');
    },
    hasColours: stdout.isTTY === true && stdout.hasColors(),
    // The terminal may be resized during --watch.
    get columns() {
      return stdout.columns ?? Number.POSITIVE_INFINITY;
    },
  };
}
