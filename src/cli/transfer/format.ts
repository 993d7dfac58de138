/**
 * The file of `plantao export`: JSON lines. The first names the format and how many rows follow, each further one is a row
 * (`{"table": "messages", "row": {"id": 1, …}}`) with the columns of its table, and the last one says that the file is whole.
 */
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

/** The rows of each table. */
export type RowCounts = Record<TableName, number>;

/** The first line. */
export interface Header {
  plantao_export: number;
  at: string;
  cluster: string;
  rows: RowCounts;
}

/** A line after the first one. */
export type Line = { table: TableName; row: Record<string, unknown> } | { end: true; rows: number };

/** Reports the progress on the way to `total` rows, about once a second. */
export class Progress {
  readonly #remark: (text: string) => void;
  readonly #startedAt = performance.now();
  #reportedAt = this.#startedAt;

  constructor(remark: (text: string) => void) {
    this.#remark = remark;
  }

  /** Reports that `rows` of `total` are done, unless the last report was less than a second ago. */
  at(rows: number, total: number): void {
    const now = performance.now();
    if (now - this.#reportedAt < 1000) return;
    this.#reportedAt = now;
    const percent = total === 0 ? 100 : Math.floor((100 * rows) / total);
    this.#remark(
      `${rows.toLocaleString('en')} of ${total.toLocaleString('en')} rows (${percent} %), ${this.rate(rows)}`,
    );
  }

  /** Returns the average speed until `rows` were done, as text. */
  rate(rows: number): string {
    const seconds = Math.max(0.001, (performance.now() - this.#startedAt) / 1000);
    return `${Math.round(rows / seconds).toLocaleString('en')} rows/s`;
  }
}
