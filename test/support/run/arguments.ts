import type { ParseArgsConfig } from 'node:util';
import { parseCommand, UsageError } from '../../../src/terminal/arguments.ts';

/**
 * Parses the arguments of a program of the tests. Prints `usage` and exits for --help; exits with code 2 and a sentence for an
 * argument that is not valid, including when `check` throws a UsageError.
 */
export function programArguments<const Options extends NonNullable<ParseArgsConfig['options']>, Result>(
  usage: string,
  options: Options,
  check: (values: ReturnType<typeof parseCommand<Options>>['values']) => Result,
): Result {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return check(parseCommand(args, options).values);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
}
