import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Query } from '../command/database.ts';
import { type ExportHeader, FORMAT_VERSION, type RowCounts, TABLES, type TableName, WITH_SEQUENCE } from './format.ts';
import type { Progress } from './progress.ts';

/** Number of rows per FETCH: about 2 MB of messages. */
const ROWS_PER_FETCH = 5000;

/** Owners come first: a creator who joins a group without an owner would become its owner. */
const ORDER: Record<TableName, string> = {
  users: 'id',
  identities: 'issuer, subject',
  groups: 'id',
  memberships: "group_id, role <> 'owner', user_id",
  messages: 'id',
  reactions: 'message_id, user_id, emoji',
  departures: 'group_id, user_id',
  message_edits: 'message_id, replaced_at',
};

/** Writes all rows to `output`, from one snapshot, and returns their number. */
export async function exportDatabase(
  query: Query,
  output: Writable,
  { withPasswords, progress }: { withPasswords: boolean; progress: Progress },
): Promise<number> {
  const write = async (text: string) => {
    if (!output.write(text)) await once(output, 'drain');
  };
  await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const header = await headerOf(query);
  const total = Object.values(header.rows).reduce((sum, rows) => sum + rows, 0);
  await write(`${JSON.stringify(header)}\n`);
  let written = 0;
  for (const table of TABLES) {
    // The import computes generated columns again.
    const omitted =
      table === 'users' ? ` - 'username_key' - 'search_name'${withPasswords ? '' : " - 'password_hash'"}` : '';
    await query(
      `DECLARE exported NO SCROLL CURSOR FOR
       SELECT '{"table":"${table}","row":' || (to_jsonb(t)${omitted})::text || '}' AS line FROM ${fromClause(table)} ORDER BY ${ORDER[table]}`,
    );
    for (;;) {
      const rows = await query<{ line: string }>(`FETCH ${ROWS_PER_FETCH} FROM exported`);
      if (rows.length === 0) break;
      await write(`${rows.map(({ line }) => line).join('\n')}\n`);
      written += rows.length;
      progress.at(written, total);
    }
    await query('CLOSE exported');
  }
  await write(`${JSON.stringify({ end: true, rows: written })}\n`);
  await query('COMMIT');
  return written;
}

/** Returns the FROM clause for a table. Leaves out rows of messages that were deleted: an import would refuse them. */
function fromClause(table: TableName): string {
  const isOfMessage = table === 'reactions' || table === 'message_edits';
  const deleted = 'SELECT FROM plantao.removed_messages r WHERE r.message_id = t.message_id';
  return `plantao.${table} t${isOfMessage ? ` WHERE NOT EXISTS (${deleted})` : ''}`;
}

async function headerOf(query: Query): Promise<ExportHeader> {
  const [row] = await query<{ cluster: string; at: Date }>('SELECT plantao.cluster_id() AS cluster, now() AS at');
  const counts = TABLES.map((table) => `(SELECT count(*) FROM ${fromClause(table)}) AS ${table}`);
  const [rows] = await query<RowCounts>(`SELECT ${counts.join(', ')}`);
  const ids = WITH_SEQUENCE.map((table) => `(SELECT coalesce(max(id), 0) FROM plantao.${table}) AS ${table}`);
  const [lastIds] = await query<Record<(typeof WITH_SEQUENCE)[number], number>>(`SELECT ${ids.join(', ')}`);
  if (!row || !rows || !lastIds) throw new Error('the database returned no row');
  return { plantao_export: FORMAT_VERSION, at: row.at.toISOString(), cluster: row.cluster, rows, last_ids: lastIds };
}
