import { packageVersion } from '../../package-root.ts';
import { workingFolder } from '../../settings/working-folder.ts';
import { UsageError } from '../../terminal/arguments.ts';
import { CommandError, describeFailure, Exit, type ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { COMMANDS } from './registry.ts';

/** Returns the text of `plantao help`. */
function help(): string {
  const names = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`);
  return `plantao COMMAND [OPTIONS]

${names.join('\n')}
  help        this text; "plantao COMMAND --help" describes a command; "plantao --version" prints the version

All commands that inspect or operate a cluster need only its database: DATABASE_URL in the environment or in .env, or
--database URL. With --json the result, or the error, is one JSON document on standard output.

Exit codes: 0 done; 1 refused, failed, or a fault was found; 2 invalid arguments or settings, nothing was done (for
prove: it could not start or finish); 3 the database or the node cannot be reached, or did not respond in time.
`;
}

/** Runs the sub-command that `args` name, and returns the exit code of the process. Never rejects. */
export async function dispatch(args: readonly string[], io: Io): Promise<ExitCode> {
  const [name = 'help', ...rest] = args;
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  try {
    if (['help', '--help', '-h'].includes(name) && rest.length === 0) {
      io.print(help().trimEnd());
      return Exit.OK;
    }
    if (name === '--version' && rest.length === 0) {
      io.print(packageVersion());
      return Exit.OK;
    }
    const isHelp = name === 'help' || options.includes('--help') || options.includes('-h');
    const entry = COMMANDS[name === 'help' ? (rest[0] ?? '') : name];
    if (!Object.hasOwn(COMMANDS, name === 'help' ? (rest[0] ?? '') : name) || !entry) {
      throw new CommandError(`there is no command "${name === 'help' ? rest[0] : name}": see plantao help`, Exit.USAGE);
    }
    workingFolder();
    const command = await entry.load();
    if (isHelp) {
      io.print(command.usage.trimEnd());
      return Exit.OK;
    }
    return await command.run(rest, io);
  } catch (error) {
    const { exit, sentence } = describeFailure(error);
    if (options.includes('--json')) io.printJson({ error: sentence });
    else io.notice(error instanceof UsageError ? `${sentence} (plantao ${name} --help)` : sentence);
    return exit;
  }
}
