import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { BoundedOutput, fileOutput } from '../../../src/log/log-output.ts';
import { eventually } from '../../support/eventually.ts';

/** Every write to it fails as on a full disk. */
const FULL_DISK = '/dev/full';

describe('BoundedOutput', () => {
  /** A stream whose reader takes lines only when the test says so. */
  class SlowStream {
    readonly #unread: { text: string; written: () => void }[] = [];
    writableLength = 0;
    write(text: string, written: () => void): boolean {
      this.writableLength += text.length;
      this.#unread.push({ text, written });
      return false;
    }
    read(): string[] {
      const read = this.#unread.splice(0);
      this.writableLength = 0;
      for (const { written } of read) written();
      return read.map(({ text }) => text.slice(0, 10));
    }
  }
  const MEGABYTE = 'x'.repeat(1024 * 1024);

  it('writes a line that is longer than its limit when nothing waits', () => {
    const stream = new SlowStream();
    new BoundedOutput(stream).write(`${MEGABYTE}more`);
    expect(stream.read()).to.deep.equal(['xxxxxxxxxx']);
  });

  it('drops lines in succession, counts them, and reports them once it writes again', () => {
    const stream = new SlowStream();
    const output = new BoundedOutput(stream);
    const reports: number[] = [];
    output.onResume = (lost) => {
      reports.push(lost);
      output.write(`lost ${lost}`);
    };
    for (const line of [MEGABYTE, 'one', 'two']) output.write(line);
    expect(stream.read()).to.deep.equal(['xxxxxxxxxx']);
    output.write('three');
    expect(stream.read()).to.deep.equal(['lost 2', 'three']);
    expect([output.lost, reports]).to.deep.equal([2, [2]]);
  });

  it('flushes what is written and stops waiting at its limit', async () => {
    const stream = new SlowStream();
    const output = new BoundedOutput(stream);
    output.write('one');
    const flushed = output.flush(60_000);
    stream.read();
    await flushed;
    output.write('two');
    await output.flush(1);
  });
});

describe('The problem of a log', () => {
  it('is that its disk is full, until the kept lines are written, even if no further line arrives', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'plantao-log-'));
    const file = path.join(folder, 'log');
    const full = openSync(FULL_DISK, 'w');
    try {
      const output = fileOutput(full, 50);
      expect(output.problem).to.equal(null);
      output.write('one\n');
      output.write('two\n');
      expect(output.problem).to.equal('the log cannot be written: its disk is full (ENOSPC)');
      closeSync(full);
      // The lowest free descriptor, which the output writes to.
      expect(openSync(file, 'a')).to.equal(full);
      // It does not retry at each read of the problem: a failing disk may take long.
      await eventually('what was kept is written', () => output.problem === null);
      expect(readFileSync(file, 'utf8')).to.equal('one\ntwo\n');
    } finally {
      closeSync(full);
      await rm(folder, { recursive: true });
    }
  });

  it('is that nothing reads a pipe', () => {
    const stream = { writableLength: 0, write: () => false };
    const output = new BoundedOutput(stream);
    output.write('one');
    expect(output.problem).to.equal(null);
    stream.writableLength = 2 * 1024 * 1024;
    output.write('two');
    expect(output.problem).to.equal('lines of the log are lost: nothing reads standard output');
  });

  it('is over when a line is written again, and the number of lines that failed is known', () => {
    const written: ((error?: Error | null) => void)[] = [];
    const output = new BoundedOutput({ writableLength: 0, write: (_, done) => written.push(done) > 0 });
    const resumed: number[] = [];
    output.onResume = (lost) => resumed.push(lost);
    output.write('one');
    output.write('two');
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    for (const done of written.splice(0)) done(full);
    expect(output.problem).to.equal('the log cannot be written: its disk is full (ENOSPC)');
    expect(output.lost).to.equal(2);
    output.write('three');
    for (const done of written.splice(0)) done();
    expect(output.problem).to.equal(null);
    expect(resumed).to.deep.equal([2]);
  });
});
