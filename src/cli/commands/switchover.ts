import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommand } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { type Query, withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { CommandError, Exit } from '../command/exit.ts';

/** A switchover takes about 20 ms. If its NOTIFY is lost, the active node finds the request when it next writes its row, within a second. */
const WITHIN_MS = 10_000;
const CHECK_EVERY_MS = 50;

interface OpenTerm {
  term: number;
  node: string;
}

/** `plantao switchover`: the function plantao.switchover(). */
export const switchover: Command = {
  usage: `plantao switchover [--to NODE] [--no-wait] [--database URL] [--json]

Hands the active role over gracefully: the active node finishes its writes and resigns, a standby takes over within about
20 ms. Waits until another node is active; exit code 1 if the switchover is refused, none takes over within ${WITHIN_MS / 1000} s, or
a node other than NODE does. The same in psql: SELECT plantao.switchover('node-b').

  --to NODE       the successor; default any standby
  --no-wait       return after the request
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, {
      ...DATABASE_OPTIONS,
      to: { type: 'string' },
      'no-wait': { type: 'boolean', default: false },
    });
    const how = { to: values.to ?? null, wait: !values['no-wait'] };
    const result = await withDatabase(values.database, (query) => handOver(query, how));
    if (values.json) io.printJson({ message: result.answer, ...(result.successor ?? {}) });
    else if (result.successor === null) io.print(result.answer);
    else io.print(`${result.successor.node} is active (term ${result.successor.term})`);
    return Exit.OK;
  },
};

/**
 * Requests the switchover, and waits for the successor unless told otherwise.
 * @throws {CommandError} if it is refused, or if no node or one other than `to` takes over.
 */
export async function handOver(
  query: Query,
  { to, wait }: { to: string | null; wait: boolean },
): Promise<{ answer: string; successor: OpenTerm | null }> {
  const before = await readOpenTerm(query);
  const [row] = await query<{ answer: string }>('SELECT plantao.switchover($1) AS answer', [to]);
  const answer = row?.answer ?? '';
  if (answer.startsWith('refused')) throw new CommandError(answer);
  if (!wait) return { answer, successor: null };
  const successor = await successorOf(query, before);
  const { node, term } = successor;
  if (to !== null && node !== to) {
    throw new CommandError(`${to} did not take over, ${node} did (term ${term}): see the log of ${to}, then try again`);
  }
  return { answer, successor };
}

async function readOpenTerm(query: Query): Promise<OpenTerm | null> {
  const [open] = await query<OpenTerm>('SELECT term, node FROM plantao.leader_history WHERE ended_at IS NULL');
  return open ?? null;
}

/** Waits for the term after `before`. @throws {CommandError} if none opens, or the same node opens it. */
async function successorOf(query: Query, before: OpenTerm | null): Promise<OpenTerm> {
  const deadline = performance.now() + WITHIN_MS;
  while (performance.now() < deadline) {
    const now = await readOpenTerm(query);
    if (now !== null && now.term > (before?.term ?? 0)) {
      if (now.node !== before?.node) return now;
      throw new CommandError(`no standby took over: ${now.node} is active again (term ${now.term})`);
    }
    await sleep(CHECK_EVERY_MS);
  }
  const why = 'see plantao status and the log of the active node';
  throw new CommandError(`no other node became active within ${WITHIN_MS / 1000} s: ${why}`);
}
