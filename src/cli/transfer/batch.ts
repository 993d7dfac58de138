import pg from 'pg';
import { errorMessage } from '../../error-message.ts';
import type { Query } from '../command/database.ts';
import { CommandError } from '../command/exit.ts';
import type { TableName } from './format.ts';

/** About 4 MB of messages. At this size the cost of a batch itself is negligible beside that of its rows. */
const MAX_ROWS = 10_000;
const MAX_CHARACTERS = 4_000_000;

/** SQLSTATEs of an error that a row causes: a value, a constraint, an unknown column, or a trigger. */
const IS_OF_ROW = /^(22|23|42703|P0|PT)/;

/** A row as JSON, and the number of its line. */
export interface Row {
  json: string;
  line: number;
}

/** Rows of one table that have the same columns: one statement. */
export class Batch {
  readonly #table: TableName;
  readonly #columns: string;
  readonly #rows: Row[] = [];
  #characters = 0;

  constructor(table: TableName, columns: string) {
    this.#table = table;
    this.#columns = columns;
  }

  /** Returns true if the batch has room for a row of this table with these columns. */
  accepts(table: TableName, columns: string): boolean {
    const hasRoom = this.#rows.length < MAX_ROWS && this.#characters < MAX_CHARACTERS;
    return hasRoom && table === this.#table && columns === this.#columns;
  }

  add(row: Row): void {
    this.#rows.push(row);
    this.#characters += row.json.length;
  }

  /** Inserts the rows and returns their number. @throws {CommandError} naming the first line that is refused. */
  async insert(query: Query): Promise<number> {
    const failure = await this.#try(query, this.#rows);
    if (failure === null) return this.#rows.length;
    // The lines before the one at fault stay in the table for the next attempts, because it may refer to them or repeat one. The
    // caller rolls everything back.
    let suspects = this.#rows;
    while (suspects.length > 1) {
      const half = suspects.slice(0, Math.ceil(suspects.length / 2));
      const isRefused = (await this.#try(query, half)) !== null;
      suspects = isRefused ? half : suspects.slice(half.length);
    }
    const reason = rowErrorText((await this.#try(query, suspects)) ?? failure);
    throw new CommandError(
      `line ${suspects[0]?.line} (${this.#table}) was refused, and nothing is imported: ${reason}`,
    );
  }

  /** Returns the error with which PostgreSQL refuses the rows; null if they are inserted. */
  async #try(query: Query, rows: readonly Row[]): Promise<pg.DatabaseError | null> {
    await query('SAVEPOINT batch');
    try {
      const array = `[${rows.map(({ json }) => json).join()}]`;
      await query('SELECT plantao.import_rows($1, $2)', [this.#table, array]);
      await query('RELEASE SAVEPOINT batch');
      return null;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || !IS_OF_ROW.test(error.code ?? '')) throw error;
      await query('ROLLBACK TO SAVEPOINT batch');
      return error;
    }
  }
}

/** Returns the reason, with the value of a violated key. */
const rowErrorText = (error: pg.DatabaseError) => [errorMessage(error), error.detail].filter(Boolean).join(': ');
