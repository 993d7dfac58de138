import pg from 'pg';
import { withTimeout } from '../../async/with-timeout.ts';
import { errorMessage } from '../../error-message.ts';
import { DatabaseUnavailableError, NotReplicatedError, SqlState, sqlState } from '../errors.ts';
import type { AbandonedBackends } from '../session/abandoned-backends.ts';
import { isReplicationGivenUp } from '../session/commit-notice.ts';
import { checkPins, doubtSettings, pinsDue } from '../session/settings/pin-again.ts';
import type { PoolHealth } from './pool-health.ts';

/** A callback of the driver. */
type Done = (error: Error | null, result?: pg.QueryResult) => void;

/** How long a {@link BoundedClient} waits for replies, and where it notes abandoned server processes. */
export interface ClientBounds {
  statementLimitMs: number;
  commitLimitMs: number;
  abandoned: AbandonedBackends;
  health: PoolHealth;
}

/**
 * A client of the pool whose statements have a deadline and whose errors have a type: a failure of the connection is a
 * {@link DatabaseUnavailableError}, a commit that did not wait for its standby a {@link NotReplicatedError}.
 */
export class BoundedClient extends pg.Client {
  readonly #bounds: ClientBounds;
  #isLost = false;
  #isReplicationGivenUp = false;

  constructor(config: pg.ClientConfig, bounds: ClientBounds) {
    super(config);
    this.#bounds = bounds;
    // Sequelize listens for errors only some time after the client has connected. An error in between (the server restarts, a
    // DBA terminates the session) would end the process.
    this.on('error', () => {
      this.#isLost = true;
    });
    this.on('end', () => {
      this.#isLost = true;
    });
    this.on('notice', (notice) => {
      this.#isReplicationGivenUp ||= isReplicationGivenUp(notice);
    });
    this.connect = ((done?: Done) => {
      const opening = super.connect();
      opening.then(
        () => this.#noteOpened(),
        (error) => bounds.health.cannotOpen(new DatabaseUnavailableError(errorMessage(error), { cause: error })),
      );
      if (typeof done !== 'function') return opening;
      opening.then(() => done(null), done);
    }) as pg.Client['connect'];
    // The driver has many signatures for query(). These are those that Sequelize and the sign-in limits use.
    this.query = ((query: string | pg.QueryConfig, ...rest: unknown[]) => {
      const done = rest.at(-1);
      const reply = this.run(query, Array.isArray(rest[0]) ? rest[0] : undefined);
      if (typeof done !== 'function') return reply;
      reply.then(
        (result) => (done as Done)(null, result),
        (error) => (done as Done)(error),
      );
    }) as pg.Client['query'];
  }

  #noteOpened(): void {
    // It may have been lost at once.
    if (this.#isLost) return;
    const { health } = this.#bounds;
    health.opened();
    this.once('end', health.closed);
  }

  /** Runs a statement. The arguments are those of `query`. */
  protected run(query: string | pg.QueryConfig, values: unknown[] | undefined): Promise<pg.QueryResult> {
    return this.send(query, values);
  }

  /** Runs one statement within its limit. */
  protected async send(query: string | pg.QueryConfig, values?: unknown[]): Promise<pg.QueryResult> {
    const text = typeof query === 'string' ? query : query.text;
    const { statementLimitMs, commitLimitMs } = this.#bounds;
    const limitMs = /^\s*COMMIT\b/i.test(text) ? commitLimitMs : statementLimitMs;
    this.#isReplicationGivenUp = false;
    try {
      const pins = pinsDue(this);
      if (pins !== null) await this.#pinAgain(pins);
      const reply = super.query(query as string, values as []);
      const result = await withTimeout(limitMs, reply, () => this.#giveUp(limitMs));
      if (this.#isReplicationGivenUp) throw new NotReplicatedError();
      return result;
    } catch (error) {
      // The server became a standby, or read-only: the pool must open another connection, which may find the primary.
      if (sqlState(error) === SqlState.READ_ONLY) this.dropConnection();
      doubtSettings(this, error);
      if (!this.#isLost || sqlState(error) !== null || error instanceof DatabaseUnavailableError) throw error;
      throw new DatabaseUnavailableError(errorMessage(error), { cause: error });
    }
  }

  async #pinAgain(pins: string): Promise<void> {
    const { statementLimitMs } = this.#bounds;
    try {
      checkPins(this, await withTimeout(statementLimitMs, super.query(pins), () => this.#giveUp(statementLimitMs)));
    } catch (error) {
      this.#leave(error);
    }
  }

  #giveUp(limitMs: number): never {
    // The types lack it.
    const { processID } = this as unknown as { processID: number | null };
    if (processID !== null) this.#bounds.abandoned.add(processID);
    this.dropConnection();
    throw new DatabaseUnavailableError(`no response within ${limitMs} ms`);
  }

  #leave(error: unknown): never {
    this.dropConnection();
    throw new DatabaseUnavailableError(errorMessage(error), { cause: error });
  }

  /** Makes the pool open another connection instead of lending this one again. */
  retire(): void {
    // Read by Sequelize before it lends a connection. The types lack it.
    (this as unknown as { _invalid: boolean })._invalid = true;
  }

  /** Ends the connection by force: the pool opens another. */
  protected dropConnection(): void {
    // The types lack it.
    (this as unknown as { connection: pg.Connection }).connection.stream.destroy();
  }

  override end(...rest: []): Promise<void> {
    this.#isLost = true;
    return super.end(...rest);
  }
}
