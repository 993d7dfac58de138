import { adviceOn, DatabaseUnusableError } from '../../database/database-advice.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import { SessionLostError } from '../../database/session/database-session.ts';
import { errorMessage } from '../../error-message.ts';
import { EnvironmentError } from '../../settings/working-folder.ts';
import { SettingsError } from '../../settings.ts';
import { UsageError } from '../../terminal/arguments.ts';

/** The exit codes of `plantao`; `plantao help` documents them. */
export const Exit = {
  OK: 0,
  /** The command ran with a negative result: refused, failed, or a fault was found. */
  FAILED: 1,
  /** The arguments or the settings are invalid: nothing was done. */
  USAGE: 2,
  /** The database, or the node, could not be reached or did not respond in time. */
  UNREACHABLE: 3,
} as const;

/** One of {@link Exit}. */
export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** Thrown when a command cannot do what was asked. The message is a sentence for the user. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitCode;

  constructor(message: string, exit: ExitCode = Exit.FAILED) {
    super(message);
    this.exit = exit;
  }
}

const NO_SCHEMA: readonly string[] = [
  SqlState.UNDEFINED_TABLE,
  SqlState.UNDEFINED_FUNCTION,
  SqlState.UNDEFINED_COLUMN,
  SqlState.UNDEFINED_SCHEMA,
];

/** Returns the exit code and the sentence for an error that ended a command. */
export function describeFailure(error: unknown): { exit: ExitCode; sentence: string } {
  const sentence = errorMessage(error);
  if (error instanceof CommandError) return { exit: error.exit, sentence };
  const isUsage = [UsageError, SettingsError, EnvironmentError].some((kind) => error instanceof kind);
  if (isUsage) return { exit: Exit.USAGE, sentence };
  const state = sqlState(error);
  if (error instanceof DatabaseUnusableError) {
    const isRefused = state === SqlState.INSUFFICIENT_PRIVILEGE;
    return { exit: isRefused ? Exit.FAILED : Exit.UNREACHABLE, sentence };
  }
  // 08…: the connection; 57P… and 25P03: PostgreSQL ended the session, or is starting or stopping.
  if (error instanceof SessionLostError || (state !== null && /^(08...|57P..|25P03)$/.test(state)))
    return { exit: Exit.UNREACHABLE, sentence: `the connection to the database was lost: ${sentence}` };
  if (state !== null && NO_SCHEMA.includes(state)) {
    const remedy =
      'check that DATABASE_URL names the right one; if so, start a node of this version, or run `plantao migrate`';
    return { exit: Exit.FAILED, sentence: `the database has no schema of Plantão, or an older one: ${remedy}` };
  }
  if (state === SqlState.INSUFFICIENT_PRIVILEGE) {
    const remedy = 'use the role of the nodes, or the owner of the schema';
    return { exit: Exit.FAILED, sentence: `this role lacks a privilege (${sentence}): ${remedy}` };
  }
  return { exit: Exit.FAILED, sentence: `${sentence}${adviceOn(error)}` };
}
