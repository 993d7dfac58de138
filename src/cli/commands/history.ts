import { parseCommand, wholeOption } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { withDatabase } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { durationText } from '../command/duration-text.ts';
import { Exit } from '../command/exit.ts';
import { table } from '../command/table.ts';

interface TermRow {
  term: number;
  node: string;
  reason: string;
  started_at: Date;
  ended_at: Date | null;
  end_reason: string | null;
  end_cause: string | null;
  handed_to: string | null;
  asked_by: string | null;
  duration_ms: number;
  gap_ms: number | null;
  /** True if the term is open and its node holds the leader lock: a dead node's term stays open until the next one opens. */
  is_active: boolean;
}

// One row more than is shown: the gap of the last one is counted from the term before it.
const HISTORY = `SELECT term, node, reason, started_at, ended_at, end_reason, end_cause, handed_to, asked_by,
    plantao.ms_between(started_at, CASE WHEN is_active THEN clock_timestamp() ELSE plantao.last_active_at(term) END) AS duration_ms,
    plantao.ms_between(lag(ended_at) OVER (ORDER BY term), started_at) AS gap_ms, is_active
  FROM (SELECT *, ended_at IS NULL AND EXISTS (SELECT FROM plantao.lock_holder WHERE lease IS NOT NULL) AS is_active
    FROM plantao.leader_history ORDER BY term DESC LIMIT $1 + 1) h ORDER BY term DESC LIMIT $1`;

/** `plantao history`: the view plantao.leader_history. */
export const history: Command = {
  usage: `plantao history [--limit N] [--database URL] [--json]

Shows the last terms, newest first: the active node, why it was promoted, how long it was active, why the term ended and
who requested it, and the gap before it, in which no write was possible. If the node did not resign, the gap is counted from the
last sign that it was active: too long by up to a second at most. The same in psql: TABLE plantao.leader_history.

  --limit N       number of terms, 1 to 10000 (default 20)
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, { ...DATABASE_OPTIONS, limit: { type: 'string', default: '20' } });
    const limit = wholeOption('limit', values.limit, 1, 10_000);
    const rows = await withDatabase(values.database, (query) => query<TermRow>(HISTORY, [limit]));
    if (values.json) io.printJson(rows);
    else if (rows.length === 0) io.print('no node has ever been active');
    else io.print(table(HEADINGS, rows.map(cellsOf), io.hasColours));
    return Exit.OK;
  },
};

const HEADINGS = ['term', 'node', 'since', 'active for', 'gap', 'why it began', 'why it ended', 'requested by'];

function cellsOf(row: TermRow) {
  const since = row.started_at.toISOString().slice(0, 19).replace('T', ' ');
  const gap = row.gap_ms === null ? null : durationText(row.gap_ms);
  return [row.term, row.node, since, durationText(row.duration_ms), gap, row.reason, endOf(row), row.asked_by];
}

function endOf({ is_active, ended_at, end_cause, end_reason }: TermRow) {
  if (is_active) return { text: 'active now', tone: 'green' as const };
  if (ended_at === null) return { text: 'not active any more: see plantao status', tone: 'red' as const };
  return end_cause ?? end_reason;
}
