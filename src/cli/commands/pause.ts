import { parseCommand, wholeOption } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { Exit } from '../command/exit.ts';

const MAX_MINUTES = 24 * 60;

/** `plantao pause`: the function plantao.pause(). */
export const pause: Command = {
  usage: `plantao pause [--minutes N] [--reason TEXT] [--database URL] [--json]

Pauses failover, for maintenance: until plantao resume or the end of the given time no node is promoted. The active node goes
on writing, and takes its role back after a restart of PostgreSQL. If its process dies or is taken out of service, no node is active
until the pause ends or, if it was taken out of service, it is brought back. A second call replaces the first. The same in psql:
SELECT plantao.pause('45 minutes', 'new switch').

  --minutes N     1 to ${MAX_MINUTES} (default 30); the pause ends by itself
  --reason TEXT   shown by plantao status, /health and the log; 200 characters
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, {
      ...DATABASE_OPTIONS,
      minutes: { type: 'string', default: '30' },
      reason: { type: 'string' },
    });
    const minutes = wholeOption('minutes', values.minutes, 1, MAX_MINUTES);
    const [row] = await withDatabase(values.database, (query) =>
      query<{ message: string }>('SELECT plantao.pause(make_interval(mins => $1), $2) AS message', [
        minutes,
        values.reason ?? null,
      ]),
    );
    if (values.json) io.printJson(row);
    else io.print(row?.message ?? '');
    return Exit.OK;
  },
};

/** `plantao resume`: the function plantao.resume(). */
export const resume: Command = {
  usage: `plantao resume [--database URL] [--json]

Ends the pause of failover. If no node is active, one is promoted at once. The same in psql: SELECT plantao.resume().

${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, DATABASE_OPTIONS);
    const [row] = await withDatabase(values.database, (query) =>
      query<{ message: string }>('SELECT plantao.resume() AS message'),
    );
    if (values.json) io.printJson(row);
    else io.print(row?.message ?? '');
    return Exit.OK;
  },
};
