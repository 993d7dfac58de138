import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';

/** One sub-command of `plantao`, in a module of its own that is loaded only when it is called. */
export interface Command {
  /** The text of `--help`; its first line is the synopsis. */
  usage: string;
  /**
   * Runs the command with the arguments after its name. An error that it throws ends the program with a sentence and an exit code
   * (exit.ts).
   */
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}
