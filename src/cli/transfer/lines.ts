import type { Readable } from 'node:stream';
import { CommandError } from '../command/exit.ts';

/** More than any line of an export: a message of 4096 characters, escaped, with 8 KiB of `meta`. */
const MAX_CHARACTERS = 1_000_000;

/**
 * Yields the lines of a stream, those of one chunk at a time: a promise for each line would take longer than its parsing.
 * Only a line feed, with or without a carriage return, ends a line: JSON may contain other line separators as they are.
 * @throws {CommandError} if a line is too long for this format.
 */
export async function* linesOf(input: Readable): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_CHARACTERS)
      throw new CommandError('the file has a line that is longer than any of an export');
    if (lines.length > 0) yield lines.map(withoutReturn);
  }
  if (rest !== '') yield [withoutReturn(rest)];
}

const withoutReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line);
