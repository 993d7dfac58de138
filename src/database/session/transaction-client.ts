import type pg from 'pg';
import { BoundedClient, type ClientBounds } from './bounded-client.ts';
import { beginPinned, type SessionSettings } from './session-settings.ts';

/** What the driver's client has beside its types: I, T or E of the protocol. */
interface Status {
  _txStatus: string | null;
}

/**
 * A client behind a transaction pooler. Whose session a transaction runs in is known only when it has begun, so each begins
 * by pinning its settings, and a statement by itself is made one. That is two round trips more, on a way that is neither
 * often used nor urgent; to ask for ALTER ROLE instead would hold only until somebody changes it.
 */
export class TransactionClient extends BoundedClient {
  readonly #begin: string;

  constructor(config: pg.ClientConfig, bounds: ClientBounds, settings: SessionSettings) {
    super(config, bounds);
    this.#begin = beginPinned(settings);
  }

  protected override async run(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    if ((this as unknown as Status)._txStatus !== 'I') return this.send(query, values);
    const text = typeof query === 'string' ? query : query.text;
    await this.send(this.#begin);
    if (/^\s*(START TRANSACTION|BEGIN)\b/i.test(text)) return NOTHING;
    try {
      const result = await this.send(query, values);
      await this.send('COMMIT');
      return result;
    } catch (error) {
      await this.send('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

const NOTHING: pg.QueryResult = { command: 'BEGIN', rowCount: 0, oid: 0, fields: [], rows: [] };
