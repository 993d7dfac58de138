import type pg from 'pg';
import { beginPinned, type SessionSettings } from '../session/settings/session-settings.ts';
import { BoundedClient, type ClientBounds } from './bounded-client.ts';

/** A member of the driver's client that its types lack: I, T or E of the protocol. */
interface Status {
  _txStatus: string | null;
}

/**
 * A client behind a transaction pooler. The session of a transaction is known only when it has begun, so each transaction pins
 * its settings first, and a single statement becomes a transaction. That costs two round trips on a path that is rarely used
 * and not urgent. Requiring ALTER ROLE instead would be correct only until it is changed.
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
    await this.#beginPinned();
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

  /**
   * Begins a transaction with the settings. If a statement after BEGIN fails, the aborted transaction is ended: in it every later
   * statement would fail too.
   */
  async #beginPinned(): Promise<void> {
    try {
      await this.send(this.#begin);
    } catch (error) {
      await this.send('ROLLBACK').catch(() => this.dropConnection());
      throw error;
    }
  }
}

const NOTHING: pg.QueryResult = { command: 'BEGIN', rowCount: 0, oid: 0, fields: [], rows: [] };
