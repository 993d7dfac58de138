import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { errorMessage } from '../../error-message.ts';
import type { Query } from '../command/database.ts';
import { CommandError } from '../command/exit.ts';
import { FORMAT_VERSION, type Header, type Line, TABLES, type TableName } from './format.ts';
import type { Progress } from './progress.ts';

/** A batch is one statement: rows of one table with the same columns. */
const ROWS_PER_BATCH = 5000;
const CHARACTERS_PER_BATCH = 4_000_000;

interface Batch {
  table: TableName;
  columns: string;
  rows: string[];
  characters: number;
  firstLine: number;
}

/**
 * Imports a file into a database without users and groups, in one transaction: either all of it, or nothing. Returns the number of rows.
 * @throws {CommandError} naming the line at fault.
 */
export async function importFile(query: Query, input: Readable, progress: Progress): Promise<number> {
  await query('BEGIN');
  // Posts of a running node wait for the end.
  await query('SELECT plantao.lock_log()');
  const [state] = await query<{ is_used: boolean }>(
    'SELECT EXISTS (SELECT FROM plantao.users) OR EXISTS (SELECT FROM plantao.groups) AS is_used',
  );
  if (state?.is_used) {
    throw new CommandError(
      'this database has users or groups already: import into an empty one, so that no id has two meanings',
    );
  }
  let number = 0;
  let header: Header | null = null;
  let batch: Batch | null = null;
  let imported = 0;
  let isWhole = false;
  const flush = async () => {
    if (batch === null) return;
    imported += await insert(query, batch);
    batch = null;
    progress.at(imported, header ? Object.values(header.rows).reduce((sum, rows) => sum + rows, 0) : 0);
  };
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (header === null) {
      header = headerOf(text);
      continue;
    }
    if (text === '') continue;
    const line = lineOf(text, number);
    if ('end' in line) {
      await flush();
      if (line.rows !== imported)
        throw new CommandError(`the last line says ${line.rows} rows, but the file has ${imported}: export again`);
      isWhole = true;
      continue;
    }
    const columns = Object.keys(line.row).sort().join();
    const now = batch as Batch | null;
    const isFull = now !== null && (now.rows.length >= ROWS_PER_BATCH || now.characters >= CHARACTERS_PER_BATCH);
    if (now !== null && (isFull || now.table !== line.table || now.columns !== columns)) await flush();
    batch ??= { table: line.table, columns, rows: [], characters: 0, firstLine: number };
    batch.rows.push(JSON.stringify(line.row));
    batch.characters += text.length;
  }
  if (!isWhole) throw new CommandError('the file is incomplete, its last line is missing: export again');
  await query('SELECT FROM plantao.repair_sequences()');
  await query('COMMIT');
  return imported;
}

async function insert(query: Query, { table, rows, firstLine }: Batch): Promise<number> {
  try {
    const [result] = await query<{ imported: number }>('SELECT plantao.import_rows($1, $2) AS imported', [
      table,
      `[${rows.join()}]`,
    ]);
    return result?.imported ?? 0;
  } catch (error) {
    const lines =
      rows.length === 1 ? `line ${firstLine}` : `one of the lines ${firstLine} to ${firstLine + rows.length - 1}`;
    throw new CommandError(`${lines} (${table}) was refused, and nothing is imported: ${errorMessage(error)}`);
  }
}

function headerOf(text: string): Header {
  const value = parsed(text);
  if (isRecord(value) && value.plantao_export === FORMAT_VERSION && isRecord(value.rows))
    return value as unknown as Header;
  throw new CommandError(
    'line 1 is not the header of an export file, or the file is of another version: import it with that version of plantao',
  );
}

function lineOf(text: string, number: number): Line {
  const value = parsed(text);
  if (isRecord(value)) {
    if (value.end === true && Number.isSafeInteger(value.rows)) return { end: true, rows: Number(value.rows) };
    const table = TABLES.find((one) => one === value.table);
    if (table && isRecord(value.row)) return { table, row: value.row };
  }
  throw new CommandError(`line ${number} is not a row of a table, and nothing is imported`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
