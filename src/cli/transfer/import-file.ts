import type { Readable } from 'node:stream';
import { isJsonObject } from '../../text/json-object.ts';
import type { Query } from '../command/database.ts';
import { CommandError } from '../command/exit.ts';
import { type ExportHeader, type ExportLine, FORMAT_VERSION, TABLES, WITH_SEQUENCE } from './format.ts';
import { linesOf } from './lines.ts';
import type { Progress } from './progress.ts';
import { RowInserter } from './row-inserter.ts';

/**
 * Imports a file into a database without users and groups, in one transaction: either all of it, or nothing. Returns the number of
 * rows. @throws {CommandError} naming the line at fault.
 */
export async function importFile(query: Query, input: Readable, progress: Progress): Promise<number> {
  await query('BEGIN');
  const [state] = await query<{ is_used: boolean }>(
    'SELECT EXISTS (SELECT FROM plantao.users) OR EXISTS (SELECT FROM plantao.groups) AS is_used',
  );
  if (state?.is_used) {
    throw new CommandError(
      'this database has users or groups already: import into an empty one, so that no id has two meanings',
    );
  }
  const imported = await insertRows(query, input, progress);
  await query('SELECT plantao.finish_import()');
  await query('COMMIT');
  return imported;
}

/** Inserts all rows of the file, and returns their number. */
async function insertRows(query: Query, input: Readable, progress: Progress): Promise<number> {
  let number = 0;
  let inserter: RowInserter | null = null;
  let isWhole = false;
  for await (const lines of linesOf(input)) {
    for (const text of lines) {
      number++;
      if (inserter === null) {
        const header = headerOf(text);
        await reserveIds(query, header);
        const total = Object.values(header.rows).reduce((sum, rows) => sum + rows, 0);
        inserter = new RowInserter(query, (imported) => progress.at(imported, total));
        continue;
      }
      if (text === '') continue;
      const line = lineOf(text);
      if (line !== null && 'row' in line) {
        await inserter.add(line, { json: jsonOfRow(text, line), line: number });
        continue;
      }
      // PostgreSQL may refuse a line before this one: then that is the error.
      const imported = await inserter.finish();
      if (line === null) {
        throw new CommandError(
          `line ${number} is not a row of a table, and nothing is imported: if it is the last line, the export was interrupted, so export again`,
        );
      }
      if (line.rows !== imported)
        throw new CommandError(`the last line says ${line.rows} rows, but the file has ${imported}: export again`);
      isWhole = true;
    }
  }
  const imported = (await inserter?.finish()) ?? 0;
  if (!isWhole) throw new CommandError('the file is incomplete, its last line is missing: export again');
  return imported;
}

/** Moves the sequences past the ids of the file at once, so that users and messages of running nodes get other ids. */
async function reserveIds(query: Query, { last_ids: lastIds = {} }: ExportHeader): Promise<void> {
  for (const table of WITH_SEQUENCE) {
    await query(
      `SELECT setval(s, $1) FROM pg_get_serial_sequence('plantao.${table}', 'id') AS name, CAST(name AS regclass) AS s
       WHERE $1 > coalesce(pg_sequence_last_value(s), 0)`,
      [lastIds[table] ?? 0],
    );
  }
}

function headerOf(text: string): ExportHeader {
  const value = parsed(text);
  if (isJsonObject(value) && value.plantao_export === FORMAT_VERSION && isJsonObject(value.rows) && hasLastIds(value))
    return value as unknown as ExportHeader;
  throw new CommandError(
    'line 1 is not the header of an export file, or the file is of another version: import it with that version of plantao',
  );
}

function hasLastIds({ last_ids: lastIds = {} }: Record<string, unknown>): boolean {
  return isJsonObject(lastIds) && WITH_SEQUENCE.every((table) => Number.isSafeInteger(lastIds[table] ?? 0));
}

/** Returns the line; null if it does not have the format. */
function lineOf(text: string): ExportLine | null {
  const value = parsed(text);
  if (!isJsonObject(value)) return null;
  if (value.end === true && Number.isSafeInteger(value.rows)) return { end: true, rows: Number(value.rows) };
  const table = TABLES.find((one) => one === value.table);
  return table && isJsonObject(value.row) ? { table, row: value.row, isPlain: Object.keys(value).length === 2 } : null;
}

/** A line as export writes it. */
const EXPORTED = /^\s*\{\s*"table"\s*:\s*"\w+"\s*,\s*"row"\s*:\s*(\{.*\})\s*\}\s*$/s;

/** Returns the row as it is written, where possible: JSON.parse rounds large numbers and drops the zero of 1.10. */
function jsonOfRow(text: string, line: { row: Record<string, unknown>; isPlain: boolean }): string {
  const written = line.isPlain ? EXPORTED.exec(text)?.[1] : undefined;
  return written ?? JSON.stringify(line.row);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
