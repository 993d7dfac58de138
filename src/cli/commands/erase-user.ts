import { parseCommand, UsageError } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { type Query, withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { CommandError, describeFailure, Exit } from '../command/exit.ts';

const MODES = ['anonymise', 'erase'] as const;

interface AccountRow {
  id: number;
  username: string;
}

/** `plantao erase-user`: the function plantao.erase_user(). */
export const eraseUser: Command = {
  usage: `plantao erase-user NAME --yes [--mode anonymise|erase] [--database URL] [--json]

Deletes an account: it can no longer sign in, and leaves all groups. Cannot be undone. Without --yes it only names the account
that it would delete, and exits with 2. Repeats SELECT plantao.erase_user(id, mode) in small steps, so that posts go on. If it
is interrupted after the first step, the account is deleted, and the active node removes the rest within about a minute.

  --mode M        anonymise: keep the messages, under the name deleted-… (default); erase: delete the messages too
  --yes           do it
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values, positionals } = parseCommand(
      args,
      { ...DATABASE_OPTIONS, mode: { type: 'string', default: 'anonymise' }, yes: { type: 'boolean', default: false } },
      ['NAME'],
    );
    const mode = MODES.find((one) => one === values.mode);
    if (mode === undefined) throw new UsageError(`--mode must be anonymise or erase, not "${values.mode}"`);
    const [name = ''] = positionals;
    const { account, steps } = await withDatabase(values.database, async (query) => {
      const [found] = await query<AccountRow>(
        'SELECT id, username FROM plantao.users WHERE username_key = plantao.name_key($1)',
        [name],
      );
      if (found === undefined) throw new CommandError(`there is no user "${name}"`);
      if (!values.yes) throw new UsageError(`this would ${mode} ${found.username} (id ${found.id}): add --yes`);
      return { account: found, steps: await erase(query, found.id, mode) };
    });
    if (values.json) io.printJson({ user_id: account.id, username: account.username, mode, rows: steps });
    else io.print(`${account.username} (id ${account.id}) is deleted`);
    return Exit.OK;
  },
};

/** Erases an account in steps. Each step is a transaction of its own and locks the event log for a few milliseconds. Returns the number of rows. */
async function erase(query: Query, account: number, mode: string): Promise<number> {
  for (let rows = 0; ; ) {
    const [step] = await query<{ removed: number }>('SELECT plantao.erase_user($1, $2) AS removed', [
      account,
      mode,
    ]).catch((error) => {
      if (rows === 0) throw error;
      const { exit, sentence } = describeFailure(error);
      throw new CommandError(`${sentence}. The account is deleted, and the active node removes the rest`, exit);
    });
    if (!step?.removed) return rows;
    rows += step.removed;
  }
}
