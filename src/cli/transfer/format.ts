/**
 * The file of `plantao export`: JSON lines. The first names the format and how many rows follow, each further one is a row
 * (`{"table": "messages", "row": {"id": 1, …}}`) with the columns of its table, and the last one says that the file is whole.
 */

/** Increase it when earlier versions could not import the file. */
export const FORMAT_VERSION = 1;

/** The tables of a file, in an order in which every row comes after those that it refers to. Everything else is derived. */
export const TABLES = [
  'users',
  'identities',
  'groups',
  'memberships',
  'messages',
  'reactions',
  'departures',
  'message_edits',
] as const;
export type TableName = (typeof TABLES)[number];

/** The tables whose ids come from a sequence. */
export const WITH_SEQUENCE = ['users', 'groups', 'messages'] as const;

/** The rows of each table. */
export type RowCounts = Record<TableName, number>;

/** The first line. */
export interface ExportHeader {
  plantao_export: number;
  at: string;
  cluster: string;
  rows: RowCounts;
  /** The last id of each sequence; absent in a file that was written by hand. */
  last_ids?: Partial<Record<(typeof WITH_SEQUENCE)[number], number>>;
}

/** A line after the first one. `isPlain`: it has a table and a row, and nothing else. */
export type ExportLine =
  | { table: TableName; row: Record<string, unknown>; isPlain: boolean }
  | { end: true; rows: number };
