import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

async function run(program: string, argument: string) {
  const done = { code: 0, stdout: '', stderr: '' };
  const options = { cwd: PROJECT, timeout: 60_000 };
  return promisify(execFile)(process.execPath, ['--import', 'tsx', program, argument], options).then(
    ({ stdout, stderr }) => ({ ...done, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

describe('A program of the tests', function () {
  this.timeout(120_000);
  for (const program of ['test/fuzz/run.ts', 'test/bench/failover.ts']) {
    it(`prints its usage for --help, and refuses other options with a sentence: ${program}`, async () => {
      const [help, unknown] = await Promise.all([run(program, '--help'), run(program, '--frobnicate')]);
      expect([help.code, help.stderr]).to.deep.equal([0, '']);
      expect(help.stdout).to.match(/^npm run [\s\S]*--\w+ /);
      expect(unknown.code).to.equal(2);
      expect(unknown.stderr).to.include('--frobnicate').and.not.include('    at ');
    });
  }
});
