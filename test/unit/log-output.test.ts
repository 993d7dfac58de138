import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const LOG = fileURLToPath(new URL('../../src/log.ts', import.meta.url));
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
  }
});
