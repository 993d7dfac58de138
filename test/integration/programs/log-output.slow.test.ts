import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';

const LOG = fileURLToPath(new URL('../../../src/log/log.ts', import.meta.url));
const LOG_OUTPUT = fileURLToPath(new URL('../../../src/log/log-output.ts', import.meta.url));
/** script(1) of util-linux runs a program in a terminal of its own. Nothing reads that terminal while nothing reads the output of script. */
const IN_A_TERMINAL = 'script';
/** Every write to it fails as on a full disk. */
const FULL_DISK = '/dev/full';

/** Returns the program of a process that logs a thousand lines in as many turns of the event loop, and then exits with 7. */
const program = (pretty: boolean) => `
  const { createLog } = await import(${JSON.stringify(LOG)});
  const log = createLog({ node: 'n', level: 'info', pretty: ${pretty} });
  for (let n = 0; n < 1000; n++) {
    log.info('a line');
    await new Promise(setImmediate);
  }
  process.exit(7);`;

describe('A log that cannot be written', () => {
  for (const pretty of [false, true]) {
    const form = pretty ? 'readable lines' : 'JSON';
    const run = (stdout: 'pipe' | number) =>
      spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program(pretty)], {
        stdio: ['ignore', stdout, 'ignore'],
      });

    it(`does not end the process on a full disk (${form})`, async function () {
      if (!existsSync(FULL_DISK)) this.skip();
      const [code] = await once(run(openSync(FULL_DISK, 'w')), 'exit');
      expect(code).to.equal(7);
    });

    it(`does not end the process when its reader has gone (${form})`, async () => {
      const child = run('pipe');
      child.stdout?.destroy();
      const [code] = await once(child, 'exit');
      expect(code).to.equal(7);
    });

    it(`does not stop the process while nothing reads it, and then says how many lines were lost (${form})`, async () => {
      const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', unreadProgram(pretty)], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      // Nothing reads stdout until the child has reported that it goes on after three times what is kept.
      const [report] = await once(child.stderr.setEncoding('utf8'), 'data');
      expect(report).to.equal('goes on');
      const output = text(child.stdout);
      child.stdin.end();
      const lines = (await output).split('\n');
      const isLine = (line: string) => line.includes('a long line');
      const lost = Number(/(\d+) lines of this log were lost/.exec(lines.find((line) => !isLine(line)) ?? '')?.[1]);
      expect(lost).to.be.greaterThan(1000);
      expect(lines.filter(isLine).length + lost).to.equal(3000);
    });
  }

  it('does not stop the process while its terminal is stopped, as by Ctrl-S', async function () {
    const folder = await mkdtemp(path.join(tmpdir(), 'plantao-terminal-'));
    const report = path.join(folder, 'report');
    await writeFile(path.join(folder, 'program.mjs'), terminalProgram(report));
    const program = `'${process.execPath}' --import=tsx '${path.join(folder, 'program.mjs')}'`;
    const terminal = spawn(IN_A_TERMINAL, ['-qec', program, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      const [error] = await Promise.race([once(terminal, 'spawn'), once(terminal, 'error')]);
      if (error) this.skip();
      const reported = await eventually('its report', () => readFileSync(report, 'utf8'), { within: 20_000 });
      expect(reported).to.equal('terminal: true');
    } finally {
      terminal.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** Logs three thousand lines of a kilobyte, and reports to a file that it goes on. */
const terminalProgram = (report: string) => `
  import { writeFileSync } from 'node:fs';
  import { createLog } from ${JSON.stringify(LOG)};
  const log = createLog({ node: 'n', level: 'info', pretty: true });
  for (let n = 0; n < 3000; n++) log.info({ more: 'x'.repeat(1000) }, 'a long line');
  writeFileSync(${JSON.stringify(report)}, 'terminal: ' + process.stdout.isTTY);
  process.exit(0);`;

/** Logs three thousand lines of a kilobyte, reports that to stderr, and ends when the log is written. */
const unreadProgram = (pretty: boolean) => `
  const { createLog } = await import(${JSON.stringify(LOG)});
  const log = createLog({ node: 'n', level: 'info', pretty: ${pretty} });
  for (let n = 0; n < 3000; n++) {
    log.info({ more: 'x'.repeat(1000) }, 'a long line');
    if (n % 100 === 0) await new Promise(setImmediate);
  }
  process.stderr.write('goes on');
  process.stdin.resume();`;

describe('The problem that a process reports of its log', () => {
  /** Returns what a process whose standard output is broken says about its log on standard error. */
  const problemOf = async (stdout: 'pipe' | number) => {
    const source = `
      const { standardOutput } = await import(${JSON.stringify(LOG_OUTPUT)});
      const output = standardOutput();
      const stop = setTimeout(() => process.exit(), 10_000);
      setInterval(() => {
        // Some time after the last line, as a health check does.
        if (output.problem === null) return output.write('a line\\n');
        clearTimeout(stop);
        process.stderr.write(output.problem, () => process.exit());
      }, 5);`;
    const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', source], {
      stdio: ['ignore', stdout, 'pipe'],
    });
    child.stdout?.destroy();
    return child.stderr === null ? '' : text(child.stderr);
  };

  it('is that the reader of a pipe has ended', async () => {
    expect(await problemOf('pipe')).to.equal(
      'the log cannot be written: the program that read standard output has ended (EPIPE)',
    );
  });

  it('is that a device accepts no lines', async function () {
    if (!existsSync(FULL_DISK)) this.skip();
    expect(await problemOf(openSync(FULL_DISK, 'w'))).to.match(/^the log cannot be written: .*ENOSPC/);
  });
});
