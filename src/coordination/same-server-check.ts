import { type InstanceRow, READ_INSTANCE } from '../database/servers/instance.ts';
import type { ReconnectingSession } from '../database/session/reconnecting-session.ts';
import { errorMessage } from '../error-message.ts';
import type { Log } from '../log/log.ts';
import type { LockThread } from './lock/lock-thread.ts';

/** Options of a {@link SameServerCheck}. */
export interface SameServerCheckOptions {
  lock: Pick<LockThread, 'term' | 'renew' | 'instance'>;
  /** The node's own sessions; those that are closed are left out. */
  sessions: readonly Pick<ReconnectingSession, 'isOpen' | 'query'>[];
  /** Returns which server a connection of the pool is connected to. */
  poolInstance(): Promise<string | null>;
  /** Reopens the connections of the pool. */
  renewPool(): void;
  /** Reopens the pool and all sessions except the lock session. */
  reconnect(): void;
  /** Resigns, and closes the lock session, so that the next attempt opens another. */
  giveUp(reason: string): Promise<void>;
  log: Log;
}

/** Delay of the check after a session was opened or a term began: the first posts and the other sessions come first. */
const SOON_MS = 300;
/** Shortest time between two checks after refused writes, and between two checks while the pool uses another server. */
const AGAIN_MS = 1000;
const LIMIT_MS = 3000;

const ELSEWHERE =
  'the session that holds the leader lock and those that write are connected to different PostgreSQL servers or databases: two servers accept writes, or the address in DATABASE_URL now leads to another one';
/** The heartbeat does not read the epochs: a session that has locked them must not cost the active node its role. */
const TERM_CHANGED = 'the epoch of its term was changed by hand, and PostgreSQL refuses each write';
const POOL_ELSEWHERE =
  'DATABASE_URL and DATABASE_DIRECT_URL lead to different PostgreSQL servers or databases: writes other than posts are refused';

/**
 * Checks that an active node holds the leader lock on the server to which it writes.
 *
 * A session stays with its server. If another server is promoted while the former primary keeps running, a host name or a proxy
 * may lead later sessions to the new one. Then every heartbeat succeeds on one server, while the other refuses every write because
 * the term is closed there. So the node compares the servers after a session was opened, after its term began, and after a write
 * was refused. If they differ, it reopens all sessions, and if that does not help, the lock session too. It also resigns if a write
 * was refused because the term belongs to another epoch.
 */
export class SameServerCheck {
  readonly #options: SameServerCheckOptions;
  #problem: string | null = null;
  #isChecking = false;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: SameServerCheckOptions) {
    this.#options = options;
  }

  /** Why writes are refused, as far as the last check found out; null if nothing is wrong. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Checks soon: a session was opened, or a term began. */
  checkSoon(ms = SOON_MS): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), ms).unref();
  }

  /** Checks at once, if this node still holds the term that PostgreSQL called closed when it refused a write. */
  termRefused(token: number): void {
    if (this.#options.lock.term?.token !== token || performance.now() - this.#checkedAt < AGAIN_MS) return;
    void this.#check({ isRefused: true });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #check({ isRefused = false } = {}): Promise<void> {
    if (this.#isStopped || this.#options.lock.term === null) return;
    // The running check may have skipped the session, because it was not open yet.
    if (this.#isChecking) return this.checkSoon();
    this.#isChecking = true;
    try {
      await this.#compare(isRefused);
    } catch (error) {
      // A session that cannot be opened is reported elsewhere. Once it is opened, the servers are compared again.
      this.#options.log.debug({ event: 'servers_not_compared' }, errorMessage(error));
    } finally {
      this.#isChecking = false;
      this.#checkedAt = performance.now();
      if (this.#problem === POOL_ELSEWHERE) this.checkSoon(AGAIN_MS);
    }
  }

  async #compare(isRefused: boolean): Promise<void> {
    const { lock, sessions, renewPool, reconnect, giveUp, log } = this.#options;
    // If the term was closed, this node learns it now, as it would with its next heartbeat.
    if (!(await lock.renew())) return;
    // One of several connections may lead to another server.
    if (isRefused || this.#problem === POOL_ELSEWHERE) renewPool();
    const open = sessions.filter((session) => session.isOpen);
    const found = await this.#compareServers(open);
    if (found !== null && found !== this.#problem) log.warn({ event: 'other_server' }, found);
    this.#problem = found;
    if (isRefused && found === null && !(await this.#isTermAccepted())) return giveUp(TERM_CHANGED);
    if (found !== ELSEWHERE) return;
    reconnect();
    this.#problem = await this.#compareServers(open);
    if (this.#problem === ELSEWHERE) await giveUp(ELSEWHERE);
  }

  /** Returns false if the database would refuse every write under this node's term. */
  async #isTermAccepted(): Promise<boolean> {
    const { lock, sessions } = this.#options;
    const { term } = lock;
    const session = sessions.find(({ isOpen }) => isOpen);
    if (term === null || !session) return true;
    const values = [term.number, term.token];
    const text = 'SELECT coalesce(plantao.fencing_token($1) = $2, false) AS "isAccepted"';
    const [row] = await session.query<{ isAccepted: boolean }>({ text, values }, LIMIT_MS);
    return row?.isAccepted !== false;
  }

  /** Compares the servers of all sessions. Returns what is wrong, or null. */
  async #compareServers(sessions: readonly Pick<ReconnectingSession, 'query'>[]): Promise<string | null> {
    const { lock, poolInstance } = this.#options;
    const [own, pool, ...others] = await Promise.all([lock.instance(), poolInstance(), ...sessions.map(instanceOf)]);
    if (own === null) throw new Error('the lock session is closed');
    if (others.some((other) => other !== own)) return ELSEWHERE;
    return pool === own ? null : POOL_ELSEWHERE;
  }
}

async function instanceOf(session: Pick<ReconnectingSession, 'query'>): Promise<string | null> {
  const [row] = await session.query<InstanceRow>(READ_INSTANCE, LIMIT_MS);
  return row?.instance ?? null;
}
