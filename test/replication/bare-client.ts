import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const CONNECT_LIMIT_MS = 1000;
/** A commit that waits for a standby longer than this is given up with its session. */
const QUERY_LIMIT_MS = 2000;
const INTERVAL_MS = 5;
/** Writes to the WAL, so that the commit waits for a synchronous standby; needs no table. */
const COMMIT = "SELECT pg_logical_emit_message(true, 'bare client', '')";

/**
 * A client without any service: one session to the writable server, a commit every few milliseconds, a new session in a loop
 * after a failure. Its gaps are the lower bound for those of the service.
 */
export class BareClient {
  readonly #urls: readonly string[];
  readonly #now: () => number;
  /** Times of its commits, ascending. */
  readonly commits: number[] = [];

  /** `urls`: one for each server or proxy; all are tried at once. */
  constructor(urls: readonly string[], now: () => number) {
    this.#urls = urls;
    this.#now = now;
  }

  /** Commits until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    let client: pg.Client | null = null;
    while (!signal.aborted) {
      try {
        client ??= await Promise.any(this.#urls.map(connect));
        await client.query(COMMIT);
        this.commits.push(this.#now());
      } catch {
        void client?.end().catch(() => undefined);
        client = null;
      }
      await sleep(INTERVAL_MS);
    }
    await client?.end().catch(() => undefined);
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'bare-client',
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: QUERY_LIMIT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query("SELECT current_setting('transaction_read_only') AS read_only");
    if (rows[0]?.read_only === 'on') throw new Error('this server is a standby');
    return client;
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
}
