import pg from 'pg';
import { beginPinned, type SessionSettings } from './session-settings.ts';

/** A callback of the driver. */
type Done = (error: Error | null, result?: pg.QueryResult) => void;

/** What the driver's client has beside its types: I, T or E of the protocol. */
interface Status {
  _txStatus: string | null;
}

/**
 * A client behind a transaction pooler. Whose session a transaction runs in is known only when it has begun, so each begins
 * by pinning its settings, and a statement by itself is made one. That is two round trips more, on a way that is neither
 * often used nor urgent; to ask for ALTER ROLE instead would hold only until somebody changes it.
 */
export class TransactionClient extends pg.Client {
  readonly #begin: string;

  constructor(config: pg.ClientConfig, settings: SessionSettings) {
    super(config);
    this.#begin = beginPinned(settings);
    // The driver has many signatures for this one; these are those that Sequelize and the sign-in limits use.
    this.query = ((query: string | pg.QueryConfig, ...rest: unknown[]) => {
      const done = rest.at(-1);
      const values = Array.isArray(rest[0]) ? rest[0] : undefined;
      const answer = this.#run(query, values);
      if (typeof done !== 'function') return answer;
      answer.then(
        (result) => (done as Done)(null, result),
        (error) => (done as Done)(error),
      );
    }) as pg.Client['query'];
  }

  async #run(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    const send = (text: string | pg.QueryConfig, given?: unknown[]) => super.query(text as string, given as []);
    if ((this as unknown as Status)._txStatus !== 'I') return send(query, values);
    const text = typeof query === 'string' ? query : query.text;
    await send(this.#begin);
    if (/^\s*(START TRANSACTION|BEGIN)\b/i.test(text)) return NOTHING;
    try {
      const result = await send(query, values);
      await send('COMMIT');
      return result;
    } catch (error) {
      await send('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

const NOTHING: pg.QueryResult = { command: 'BEGIN', rowCount: 0, oid: 0, fields: [], rows: [] };
