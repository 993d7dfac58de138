import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommand, wholeOption } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { describeFailure, Exit, type ExitCode } from '../command/exit.ts';
import type { Io } from '../command/io.ts';
import { toned } from '../command/table.ts';
import { readStatus, type StatusReport } from '../status/read-status.ts';
import { showStatus } from '../status/show-status.ts';

/** `plantao status` */
export const status: Command = {
  usage: `plantao status [--watch] [--every SECONDS] [--database URL] [--json]

Shows the cluster at a glance: which node is active in which term, how old its lease is, all nodes with role, heartbeat, posts a
second, lag and waiters, the standbys of PostgreSQL, and the sessions that block the nodes. Alarms are red. Exit code 0
while a node is active, 1 while none is, 3 if the database cannot be reached. The same in psql: TABLE plantao.cluster_status,
plantao.activity, plantao.lock_holder, plantao.durability and plantao.blocking.

  --watch         show it repeatedly until Ctrl-C; with --json one document per line
  --every S       seconds between two refreshes of --watch, 1 to 3600 (default 2)
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, {
      ...DATABASE_OPTIONS,
      watch: { type: 'boolean', default: false },
      every: { type: 'string', default: '2' },
    });
    const everyMs = 1000 * wholeOption('every', values.every, 1, 3600);
    const read = () => withDatabase(values.database, readStatus);
    if (values.watch) return watch(read, everyMs, values.json, io);
    const seen = await read();
    if (values.json) io.printJson(seen);
    else io.print(showStatus(seen, io));
    return seen.leader.node === null ? Exit.FAILED : Exit.OK;
  },
};

/** Shows the state repeatedly. Continues while the database is down, because it may respond the next time. */
async function watch(read: () => Promise<StatusReport>, everyMs: number, asJson: boolean, io: Io): Promise<ExitCode> {
  for (;;) {
    const seen = await read().catch((error: unknown) => {
      const failure = describeFailure(error);
      if (failure.exit === Exit.USAGE) throw error;
      return failure;
    });
    const isFailure = 'sentence' in seen;
    if (asJson) io.print(JSON.stringify(isFailure ? { error: seen.sentence } : seen));
    else {
      io.clear();
      io.print(`${new Date().toISOString().slice(11, 19)} UTC, every ${everyMs / 1000} s; Ctrl-C ends it\n`);
      io.print(isFailure ? toned(`! ${seen.sentence}`, 'red', io.hasColours) : showStatus(seen, io));
    }
    await sleep(everyMs);
  }
}
