import pg from 'pg';
import { DatabaseUnavailableError, isStalePlan, messageOf, NotReplicatedError, sqlState } from '../errors.ts';
import { isReplicationGivenUp } from './commit-notice.ts';
import { CONNECT_LIMIT_MS, clientConfig, Sockets } from './connection.ts';
import type { ConnectionOptions } from './pinned-connection.ts';

/** Raised when a session is closed, or when its answer came too late: nothing is known of the statement's outcome. */
export class SessionLostError extends DatabaseUnavailableError {
  override readonly name = 'SessionLostError';
}

/** Another migration may come between a statement and its repetition. */
const MOST_TRIES = 3;

/**
 * One PostgreSQL session of its own, never out of a pool, for work where the session itself matters (the leader lock)
 * or its order does (the message writer). Every call has a deadline; a missed one destroys the session, since an answer
 * that comes late would be taken for the answer to the next question.
 */
export class Session {
  readonly #client: pg.Client;
  readonly #sockets = new Sockets();
  #lost: SessionLostError | null = null;
  #isAbandoned = false;
  #isReplicationGivenUp = false;
  /** How often the prepared statements of this session have been given new names. */
  #renamed = 0;
  #onLost: (reason: string) => void = () => {};
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: ConnectionOptions) {
    this.#client = new pg.Client(clientConfig(options, this.#sockets));
    this.#client.on('error', (error) => this.#lose(error.message));
    this.#client.on('end', () => this.#lose('the connection was closed'));
    this.#client.on('notice', (notice) => {
      this.#isReplicationGivenUp ||= isReplicationGivenUp(notice);
    });
  }

  /**
   * Opens a session; `signal` gives it up while it is being opened.
   * @throws the server's error; {@link SessionLostError} where it cannot be reached, or after {@link CONNECT_LIMIT_MS}, or
   * on `signal`.
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Session> {
    if (signal?.aborted) throw new SessionLostError('given up before it was opened');
    const session = new Session(options);
    const giveUp = () => session.destroy('given up while it was being opened');
    signal?.addEventListener('abort', giveUp);
    try {
      await session.#within(options.connectionTimeoutMillis ?? CONNECT_LIMIT_MS, 'connect', session.#client.connect());
    } catch (error) {
      session.destroy('it could not be opened');
      if (sqlState(error) !== null || error instanceof DatabaseUnavailableError) throw error;
      throw new SessionLostError(messageOf(error), { cause: error });
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    return session;
  }

  get isOpen(): boolean {
    return this.#lost === null;
  }

  /** The server process that may still run what was not answered in time; null where there is none. */
  get abandoned(): number | null {
    // The types lack it.
    return this.#isAbandoned ? (this.#client as unknown as { processID: number }).processID : null;
  }

  /** Calls `listener` once, with why, when the session ends for any reason but {@link destroy}. */
  onLost(listener: (reason: string) => void): void {
    this.#onLost = listener;
  }

  /**
   * Runs one statement within `limitMs`; statements that are asked for meanwhile wait for it first.
   * @throws {SessionLostError} on a late answer or a closed session; {NotReplicatedError}; the server's error as pg gives it.
   */
  async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const answer = this.#last.then(() => this.#send<Row>(query, limitMs));
    this.#last = answer.catch(() => {});
    return (await answer).rows;
  }

  /**
   * Runs a first statement, one that does nothing but make the real ones quick. The session survives neither its failure
   * nor `signal`, which gives it up meanwhile: nobody else knows of it yet, and so nobody else would close it.
   * @throws as {@link query}.
   */
  async warmUp(query: pg.QueryConfig, limitMs: number, signal: AbortSignal): Promise<void> {
    const giveUp = () => this.destroy('given up while it rehearsed');
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp);
    try {
      await this.query(query, limitMs);
    } catch (error) {
      this.destroy('its rehearsal failed');
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /**
   * A prepared statement that PostgreSQL refuses before it executes it is prepared anew, under another name, and sent
   * again: a migration changed what it returns, or a pooler gave this client another session.
   */
  async #send<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<pg.QueryResult<Row>> {
    for (let tries = 1; ; tries++) {
      if (this.#lost) throw this.#lost;
      const { name } = query;
      const sent = name === undefined || this.#renamed === 0 ? query : { ...query, name: `${name}:${this.#renamed}` };
      this.#isReplicationGivenUp = false;
      try {
        const result = await this.#within(limitMs, 'query', this.#client.query<Row>(sent));
        // It comes before the answer: at the commit, after the rows.
        if (this.#isReplicationGivenUp) throw new NotReplicatedError();
        return result;
      } catch (error) {
        this.#isAbandoned ||= !this.isOpen;
        if (name === undefined || tries === MOST_TRIES || !isStalePlan(error)) throw error;
        this.#renamed++;
      }
    }
  }

  /** Ends the session in order, and by force where that takes longer than `limitMs`. */
  async close(limitMs = 500): Promise<void> {
    this.#onLost = () => {};
    if (!this.isOpen) return;
    await this.#within(limitMs, 'end', this.#client.end()).catch(() => {});
    this.destroy('closed');
  }

  /** Drops the connection at once; statements under way fail with {@link SessionLostError}. */
  destroy(reason: string): void {
    this.#onLost = () => {};
    this.#lose(reason);
    this.#sockets.destroy();
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = new SessionLostError(`database session lost: ${reason}`);
    this.#onLost(reason);
  }

  async #within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let isSettled = false;
    const late = new Promise<never>((_, reject) => {
      const giveUp = () => {
        if (isSettled) return;
        const error = new SessionLostError(`no answer to ${what} within ${Math.round(limitMs)} ms`);
        reject(error);
        this.#lose(error.message);
        this.#sockets.destroy();
      };
      // After a stall timers come before sockets: an answer that is there is read first.
      timer = setTimeout(() => setImmediate(giveUp), limitMs);
    });
    work.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw this.#lost ?? error;
    } finally {
      isSettled = true;
      clearTimeout(timer);
    }
  }
}
