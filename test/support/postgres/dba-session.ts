import pg from 'pg';

/** A session of a DBA. It can be named before its database exists: `url` is read when it connects. */
export class DbaSession {
  readonly #url: () => string;
  #client: pg.Client | null = null;

  constructor(url: () => string) {
    this.#url = url;
  }

  async connect(): Promise<void> {
    this.#client = new pg.Client({ connectionString: this.#url(), application_name: 'a DBA' });
    await this.#client.connect();
  }

  query = ((...args: Parameters<pg.Client['query']>) => {
    if (this.#client === null) throw new Error('the session of the DBA is not connected');
    return this.#client.query(...args);
  }) as pg.Client['query'];

  /** Returns the rows of a statement. */
  rows = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await this.query<Row>(text, values)).rows;

  async end(): Promise<void> {
    await this.#client?.end();
  }
}
