import type { Query } from '../command/database.ts';
import { Batch, type Row } from './batch.ts';
import type { TableName } from './format.ts';

/** Inserts rows in batches. While PostgreSQL inserts a batch, the next one is collected. */
export class RowInserter {
  readonly #query: Query;
  readonly #onBatch: (imported: number) => void;
  #batch: Batch | null = null;
  /** Resolves with the number of rows inserted so far when the latest batch is inserted. */
  #inserting = Promise.resolve(0);

  /** @param onBatch is called with the number of rows inserted so far, before each batch. */
  constructor(query: Query, onBatch: (imported: number) => void) {
    this.#query = query;
    this.#onBatch = onBatch;
  }

  /** Adds a row. @throws {CommandError} if a row of an earlier batch is refused. */
  async add({ table, row }: { table: TableName; row: Record<string, unknown> }, written: Row): Promise<void> {
    const columns = Object.keys(row).sort().join();
    if (this.#batch !== null && !this.#batch.accepts(table, columns)) await this.#flush();
    this.#batch ??= new Batch(table, columns);
    this.#batch.add(written);
  }

  /** Inserts the last batch, and returns the number of all rows. @throws {CommandError} if a row is refused. */
  async finish(): Promise<number> {
    await this.#flush();
    // Waits for the batch of the first call.
    return this.#flush();
  }

  /** Starts to insert the batch once the one before it is inserted. Returns the number of rows inserted until then. */
  async #flush(): Promise<number> {
    const [imported, next] = [await this.#inserting, this.#batch];
    this.#onBatch(imported);
    this.#batch = null;
    if (next === null) return imported;
    this.#inserting = next.insert(this.#query).then((rows) => imported + rows);
    // The next call reports an error.
    this.#inserting.catch(() => {});
    return imported;
  }
}
