import type pg from 'pg';
import { Session, SessionLostError } from './session.ts';

/**
 * A session that is there when it is needed: opened at the first query, opened anew at the first query after a loss.
 * It does not retry: what a lost answer means is for the caller to know.
 */
export class StandingSession {
  readonly #config: pg.ClientConfig;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #stopped = false;

  constructor(config: pg.ClientConfig) {
    this.#config = config;
  }

  /** Opens the session where it is not open. Where this throws, nothing has been sent. */
  async ready(): Promise<void> {
    if (!this.#session?.isOpen) await this.#open();
  }

  /** As {@link Session.query}; `limitMs` counts from when the session is open. */
  async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const session = this.#session?.isOpen ? this.#session : await this.#open();
    return session.query<Row>(query, limitMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#opening?.catch(() => {});
    await this.#session?.close();
  }

  async #open(): Promise<Session> {
    if (this.#stopped) throw new SessionLostError('the node is stopping');
    this.#opening ??= Session.open(this.#config)
      .then((session) => {
        this.#session = session;
        return session;
      })
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }
}
