import pg from 'pg';
import { SerialQueue } from '../../async/serial-queue.ts';
import { withTimeout } from '../../async/with-timeout.ts';
import { errorMessage } from '../../error-message.ts';
import { DatabaseUnavailableError, isStalePlan, NotReplicatedError, SqlState, sqlState } from '../errors.ts';
import { isReplicationGivenUp } from './commit-notice.ts';
import { CONNECT_LIMIT_MS, clientConfig, Sockets } from './connection.ts';
import type { SessionOptions } from './pinned-connection.ts';
import { checkPins, doubtSettings, pinsDue } from './settings/pin-again.ts';

/** Thrown when a session is closed or its reply comes too late. The outcome of the statement is unknown. */
export class SessionLostError extends DatabaseUnavailableError {
  override readonly name = 'SessionLostError';
}

/** Thrown instead of sending a statement on a session whose settings were changed and cannot be reset. */
export class UnpinnedSessionError extends SessionLostError {}

/** Thrown when a reply comes too late: PostgreSQL is frozen or too slow, or the network lost it. */
export class LateReplyError extends SessionLostError {}

/** A second migration may run between a statement and its retry. */
const MAX_TRIES = 3;

/**
 * A dedicated PostgreSQL session, never from a pool, for work where the session itself matters (the leader lock) or the
 * order of its statements does (the message writer). Every call has a deadline. A missed deadline destroys the session:
 * a late reply would be taken for the reply to the next statement.
 */
export class DatabaseSession {
  readonly #client: pg.Client;
  readonly #sockets = new Sockets();
  #lost: SessionLostError | null = null;
  #isAbandoned = false;
  #isReplicationGivenUp = false;
  /** How often the prepared statements of this session were renamed. */
  #renamed = 0;
  #onLost: (reason: string, error: SessionLostError) => void = () => {};
  readonly #queue = new SerialQueue();

  private constructor(options: SessionOptions) {
    this.#client = new pg.Client(clientConfig(options, this.#sockets));
    this.#client.on('error', (error) => this.#lose(error.message, error));
    this.#client.on('end', () => this.#lose('the connection was closed'));
    this.#client.on('notice', (notice) => {
      this.#isReplicationGivenUp ||= isReplicationGivenUp(notice);
    });
  }

  /**
   * Opens a session; `signal` cancels the opening.
   * @throws the server's error; {@link SessionLostError} when it cannot be reached, after {@link CONNECT_LIMIT_MS}, or on
   * `signal`.
   */
  static async open(options: SessionOptions, signal?: AbortSignal): Promise<DatabaseSession> {
    if (signal?.aborted) throw new SessionLostError('cancelled before it was opened');
    const session = new DatabaseSession(options);
    const giveUp = () => session.destroy('cancelled while it was being opened');
    signal?.addEventListener('abort', giveUp);
    try {
      await session.#within(options.connectionTimeoutMillis ?? CONNECT_LIMIT_MS, 'connect', session.#client.connect());
    } catch (error) {
      session.destroy('it could not be opened');
      if (sqlState(error) !== null || error instanceof DatabaseUnavailableError) throw error;
      throw new SessionLostError(errorMessage(error), { cause: error });
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    return session;
  }

  get isOpen(): boolean {
    return this.#lost === null;
  }

  /** The server process that may still run a statement that missed its deadline, or null. */
  get abandoned(): number | null {
    // The type definitions lack it.
    return this.#isAbandoned ? (this.#client as unknown as { processID: number }).processID : null;
  }

  /** Calls `listener` once, with an error whose cause is PostgreSQL's, when the session ends for any reason but {@link destroy}. */
  onLost(listener: (reason: string, error: SessionLostError) => void): void {
    this.#onLost = listener;
  }

  /**
   * Runs one statement within `limitMs`. Concurrent calls are queued.
   * @throws {SessionLostError} on a late reply or a closed session; {NotReplicatedError}; the server's error as pg gives it.
   */
  async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const { rows } = await this.#queue.run(() => this.#send<Row>(query, limitMs));
    return rows;
  }

  /**
   * Runs the warm-up: a statement that changes nothing and prepares the plans of the real ones. Closes the session when it fails
   * or when `signal` aborts: no other code has a reference to the session yet. If it `mayFail`, because the real statements report
   * the reason, the session stays open although PostgreSQL refuses it. @throws as {@link query}.
   */
  async warmUp(query: pg.QueryConfig, limitMs: number, signal: AbortSignal, { mayFail = false } = {}): Promise<void> {
    const giveUp = () => this.destroy('closed during its warm-up');
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp);
    try {
      await this.query(query, limitMs);
    } catch (error) {
      const state = sqlState(error);
      // Class 57P ends the session.
      if (mayFail && this.isOpen && state !== null && !state.startsWith('57P')) return;
      this.destroy('its warm-up failed');
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Prepares a statement again under another name, and retries it, when PostgreSQL refused it before executing it: a
   * migration changed its result type, or a pooler gave this client another session.
   */
  async #send<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<pg.QueryResult<Row>> {
    for (let tries = 1; ; tries++) {
      if (this.#lost) throw this.#lost;
      const { name } = query;
      const sent = name === undefined || this.#renamed === 0 ? query : { ...query, name: `${name}:${this.#renamed}` };
      this.#isReplicationGivenUp = false;
      try {
        const pins = pinsDue(this.#client);
        if (pins !== null) await this.#pinAgain(pins, limitMs);
        const result = await this.#within(limitMs, 'query', this.#client.query<Row>(sent));
        // The notice arrives before the reply: at the commit, after the rows.
        if (this.#isReplicationGivenUp) throw new NotReplicatedError();
        return result;
      } catch (error) {
        this.#isAbandoned ||= !this.isOpen;
        doubtSettings(this.#client, error);
        if (sqlState(error) === SqlState.READ_ONLY) this.#leave(error);
        if (name === undefined || tries === MAX_TRIES || !isStalePlan(error)) throw error;
        this.#renamed++;
      }
    }
  }

  async #pinAgain(pins: string, limitMs: number): Promise<void> {
    try {
      checkPins(this.#client, await this.#within(limitMs, 'settings', this.#client.query(pins)));
    } catch (error) {
      this.#lose(errorMessage(error), error, UnpinnedSessionError);
      this.#sockets.destroy();
      throw this.#lost ?? error;
    }
  }

  /** Closes the session, by force after `limitMs`. */
  async close(limitMs = 500): Promise<void> {
    this.#onLost = () => {};
    if (!this.isOpen) return;
    await this.#within(limitMs, 'end', this.#client.end()).catch(() => {});
    this.destroy('closed');
  }

  /** Drops the connection at once. Running statements fail with {@link SessionLostError}. */
  destroy(reason: string): void {
    this.#onLost = () => {};
    this.#lose(reason);
    this.#sockets.destroy();
  }

  /** Drops the connection to a server that became a standby or read-only: the next session may find the primary. */
  #leave(error: unknown): void {
    this.#lose(errorMessage(error), error);
    this.#sockets.destroy();
  }

  #lose(reason: string, cause?: unknown, Kind = SessionLostError): void {
    if (this.#lost) return;
    this.#lost = new Kind(`database session lost: ${reason}`, { cause });
    this.#onLost(reason, this.#lost);
  }

  async #within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
    const giveUp = () => {
      this.#lose(`no reply to ${what} within ${Math.round(limitMs)} ms`, undefined, LateReplyError);
      this.#sockets.destroy();
      throw this.#lost;
    };
    try {
      return await withTimeout(limitMs, work, giveUp);
    } catch (error) {
      throw this.#lost ?? error;
    }
  }
}
