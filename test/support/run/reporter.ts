import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

/**
 * Mocha's `spec` reporter. Its summary also lists the first errors of tests that passed or failed at their second attempt,
 * which mocha does not print. With `FAILED_FILES=<file>` it adds the path of each file with a failure there, one a line. With
 * `FILE_TIMES=<file>` it writes there how long the tests and hooks of each file took, in milliseconds, the longest first.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const failedFiles = new Set<string>();
    const firstErrors: string[] = [];
    const times = new Map<string, number>();
    const addTime = ({ file, duration }: Mocha.Runnable) => {
      if (file) times.set(file, (times.get(file) ?? 0) + (duration ?? 0));
    };
    runner.on(Mocha.Runner.constants.EVENT_TEST_END, addTime);
    runner.on(Mocha.Runner.constants.EVENT_HOOK_END, addTime);
    runner.on(Mocha.Runner.constants.EVENT_TEST_RETRY, (test: Mocha.Test, error: Error) => {
      firstErrors.push(`${test.titlePath().join(' › ')}\n${indented(error.stack ?? error.message)}`);
    });
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test: Mocha.Test) => {
      if (test.file) failedFiles.add(path.relative(process.cwd(), test.file));
    });
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      if (firstErrors.length > 0) console.log(`  ${firstErrors.length} failed at the first attempt:\n`);
      for (const [index, error] of firstErrors.entries()) console.log(`  ${index + 1}) ${error}\n`);
      const list = process.env.FAILED_FILES;
      if (list) for (const file of failedFiles) appendFileSync(list, `${file}\n`);
      if (process.env.FILE_TIMES) writeFileSync(process.env.FILE_TIMES, timesOf(times));
    });
  }
}

const timesOf = (times: ReadonlyMap<string, number>): string =>
  [...times]
    .sort(([, one], [, other]) => other - one)
    .map(([file, ms]) => `${ms} ${path.relative(process.cwd(), file)}\n`)
    .join('');

/** Returns a stack trace without the lines of mocha and Node.js, indented. */
const indented = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => !/^ *at .*(node_modules\/mocha|node:internal)/.test(line))
    .map((line) => `     ${line}`)
    .join('\n');
