import pg from 'pg';

/** A database session beside those of the nodes, opened again after a loss. Statements run one after another. */
export class Bystander {
  readonly #url: string;
  #client: pg.Client | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(databaseUrl: string) {
    this.#url = databaseUrl;
  }

  /** Runs one statement. @throws the driver's or the server's error. */
  sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const answer = this.#last.then(async () => {
      this.#client ??= await this.#connect();
      return (await this.#client.query<Row>(text, values)).rows;
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async end(): Promise<void> {
    await this.#last;
    await this.#client?.end();
    this.#client = null;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'bystander',
      connectionTimeoutMillis: 2000,
      query_timeout: 5000,
    });
    client.on('error', () => {
      if (this.#client === client) this.#client = null;
    });
    await client.connect();
    return client;
  }
}
