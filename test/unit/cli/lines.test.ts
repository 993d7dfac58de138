import { Readable } from 'node:stream';
import { expect } from 'chai';
import { linesOf } from '../../../src/cli/transfer/lines.ts';

describe('The lines of an import', () => {
  const linesIn = async (...chunks: Buffer[]) => {
    const found: string[] = [];
    for await (const lines of linesOf(Readable.from(chunks, { objectMode: false }))) found.push(...lines);
    return found;
  };

  it('continue in the next chunk, also within a character', async () => {
    const text = Buffer.from('first\nOlá 👍 second\n\nlast');
    for (let cut = 0; cut <= text.length; cut++) {
      const lines = await linesIn(text.subarray(0, cut), text.subarray(cut));
      expect(lines, `cut at ${cut}`).to.deep.equal(['first', 'Olá 👍 second', '', 'last']);
    }
  });

  it('end with a line feed only, with or without a carriage return', async () => {
    expect(await linesIn(Buffer.from('a\u2028b\r\nc\rd\ne\n'))).to.deep.equal(['a\u2028b', 'c\rd', 'e']);
  });

  it('are refused if one is longer than any line of an export', async () => {
    const chunks = Array.from({ length: 11 }, () => Buffer.alloc(100_000, 'x'));
    const error = await linesIn(...chunks).catch((reason: Error) => reason);
    expect(String(error)).to.match(/longer than any of an export/);
  });
});
