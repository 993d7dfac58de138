import { appendFileSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

/**
 * Mocha's `spec` reporter. Its summary also lists the first errors of tests that passed or failed at their second attempt,
 * which mocha does not print. With `FAILED_FILES=<file>` it adds the path of each file with a failure there, one a line.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const failedFiles = new Set<string>();
    const firstErrors: string[] = [];
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
    });
  }
}

/** Without the lines of mocha and Node.js. */
const indented = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => !/^ *at .*(node_modules\/mocha|node:internal)/.test(line))
    .map((line) => `     ${line}`)
    .join('\n');
