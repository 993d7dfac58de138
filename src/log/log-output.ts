import { fstatSync } from 'node:fs';
import pino from 'pino';

/** Lines that cannot be written now are kept up to this number of bytes, and dropped beyond it. */
const MAX_UNWRITTEN = 1024 * 1024;
/** After lines were dropped, new ones are kept again once less than this is unwritten: otherwise, every second line would be lost. */
const RESUME_BELOW = MAX_UNWRITTEN / 2;

/** The part of a stream that {@link BoundedOutput} needs. */
export interface OutputStream {
  readonly writableLength: number;
  write(text: string, written: (error?: Error | null) => void): boolean;
}

/** The destination of the lines of a log. */
export interface LogOutput {
  write(line: string): void;
  /** The number of lines that were dropped. */
  readonly lost: number;
  /** Why lines cannot be written now, as a sentence: the log itself cannot report it. Null while they can. */
  readonly problem: string | null;
  /** Called with the number of lines that were dropped in succession, when lines are written again. */
  onResume: (lost: number) => void;
  /** Resolves when every line is written, or after `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

/**
 * Writes to a pipe, socket or terminal, without ever waiting for its reader: a log collector that hangs must not stop the node. Lines
 * beyond {@link MAX_UNWRITTEN} are dropped and counted.
 */
export class BoundedOutput implements LogOutput {
  readonly #stream: OutputStream;
  #lost = 0;
  /** The number of lines lost since lines were last written; 0 while none are dropped. */
  #lostNow = 0;
  /** The error of the last write. `process.stdout` survives its errors and does not keep them. */
  #failure: Error | null = null;
  onResume: (lost: number) => void = () => {};

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  get lost(): number {
    return this.#lost;
  }

  get problem(): string | null {
    if (this.#failure) return unwritable(this.#failure);
    return this.#lostNow > 0 ? 'lines of the log are lost: nothing reads standard output' : null;
  }

  readonly write = (line: string): void => {
    const { writableLength } = this.#stream;
    if (writableLength > 0 && (this.#lostNow > 0 || writableLength + Buffer.byteLength(line) > MAX_UNWRITTEN)) {
      this.#drop();
      return;
    }
    this.#stream.write(line, this.#written);
  };

  #drop(): void {
    this.#lost++;
    this.#lostNow++;
  }

  readonly #written = (error?: Error | null) => {
    this.#failure = error ?? null;
    if (error) return this.#drop();
    if (this.#lostNow === 0 || this.#stream.writableLength > RESUME_BELOW) return;
    const lost = this.#lostNow;
    this.#lostNow = 0;
    this.onResume(lost);
  };

  flush(limitMs: number): Promise<void> {
    if (this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      setTimeout(resolve, limitMs).unref();
      this.#stream.write('', () => resolve());
    });
  }
}

/** Ignores an error of standard output. Without a listener it would end the node, but a full disk or a closed pipe must not. */
const ignoreError = () => {};

/** Returns the output on `process.stdout`. */
export function standardOutput(): LogOutput {
  if (isFile(1)) return fileOutput();
  if (!process.stdout.listeners('error').includes(ignoreError)) process.stdout.on('error', ignoreError);
  return boundedStandardOutput();
}

/** Returns an output on `process.stdout` that never waits, for a pipe, socket or terminal. */
export function boundedStandardOutput(): BoundedOutput {
  stopWaitingForTerminal(process.stdout);
  return new BoundedOutput(process.stdout);
}

/**
 * Makes writes to a terminal asynchronous. By default Ctrl-S, or a terminal whose output is not read, stops the whole process.
 * Node.js has no public API to change that. This is safe for the shell, because libuv has opened the terminal again for itself.
 */
function stopWaitingForTerminal(stream: NodeJS.WriteStream): void {
  if (!stream.isTTY) return;
  const { _handle: handle } = stream as { _handle?: { setBlocking?(isBlocking: boolean): void } };
  handle?.setBlocking?.(false);
}

/** The shortest time between two attempts to write the lines that were kept, in milliseconds. Tests pass a shorter one. */
const RETRY_MS = 500;

/** The causes of the usual errors, by their code. */
const CAUSES: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk quota is used up',
  EROFS: 'its disk is read-only',
  EIO: 'its disk fails',
  EPIPE: 'the program that read standard output has ended',
};

function unwritable(error: NodeJS.ErrnoException): string {
  const { code = 'unknown error' } = error;
  return `the log cannot be written: ${CAUSES[code] ?? 'standard output fails'} (${code})`;
}

/**
 * Writes to a file, synchronously, so that nothing is lost when the process exits. A disk that is full for a moment loses no line
 * either. `fd` is that of standard output, except in tests.
 */
export function fileOutput(fd = 1, retryMs = RETRY_MS): LogOutput {
  const destination = pino.destination({ fd, sync: true, maxLength: MAX_UNWRITTEN });
  let lostNow = 0;
  let failure: Error | null = null;
  let triedAt = Number.NEGATIVE_INFINITY;
  const output: LogOutput & { lost: number } = {
    write(line) {
      const before = output.lost;
      destination.write(line);
      const lost = lostNow;
      if (lost === 0 || output.lost > before) return;
      lostNow = 0;
      output.onResume(lost);
    },
    lost: 0,
    get problem() {
      // Writes the kept lines, so that the problem ends even if no further line is logged; seldom, because a failing disk may be slow.
      if (failure && performance.now() - triedAt >= retryMs) {
        triedAt = performance.now();
        destination.write('');
      }
      return failure && unwritable(failure);
    },
    onResume: () => {},
    flush: () => Promise.resolve(),
  };
  destination.on('error', (error: Error) => {
    failure = error;
  });
  destination.on('write', () => {
    failure = null;
  });
  destination.on('drop', () => {
    output.lost++;
    lostNow++;
  });
  return output;
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}
