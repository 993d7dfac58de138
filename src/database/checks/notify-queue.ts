import type { Sequelize } from 'sequelize';
import { BackgroundLoop } from '../../async/background-loop.ts';
import { jittered } from '../../async/backoff.ts';
import { query } from '../query.ts';

/** The NOTIFY queue of the server as plantao.notify_queue shows it. */
interface QueueRow {
  usage: number;
  standby_waits: number;
  hints_are_sent: boolean;
  pid: number | null;
  application_name: string | null;
  usename: string | null;
  datname: string | null;
  held_for_s: number | null;
  /** True for the listener of a node of this database, whose client is frozen or cut off. */
  is_listener: boolean;
}

/** Options of {@link NotifyQueue}. */
export interface NotifyQueueOptions {
  sequelize: Sequelize;
  /** Called when hints are skipped, with the reason and the session that most likely keeps the queue from being emptied. */
  onFull(sentence: string, holder: string): void;
  /** Called at each check that finds room. */
  onRoom(): void;
}

const CHECK_EVERY_MS = 2000;
/**
 * Two check intervals, plus the time in which a missed notification is noticed (events/reading/missed-notification-detector.ts).
 */
const SKIPPED_LATELY_MS = 6000;

/**
 * Watches how full the NOTIFY queue is. While it is at least half full, plantao.hint() sends nothing and every node sees changes by
 * reading the log once a second. A node's listener that holds the queue is terminated: the node opens another.
 */
export class NotifyQueue {
  readonly #options: NotifyQueueOptions;
  #usage = 0;
  #standbyWaits = 0;
  #fullAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<boolean> | null = null;
  readonly #loop = new BackgroundLoop({
    delayMs: () => jittered(CHECK_EVERY_MS),
    round: () => this.checkHints(),
    onError: () => {},
  });

  constructor(options: NotifyQueueOptions) {
    this.#options = options;
  }

  /** From 0 to 1, as of the last check. */
  get usage(): number {
    return this.#usage;
  }

  /** Commits in this database that waited for a synchronous standby at the last check. */
  get standbyWaits(): number {
    return this.#standbyWaits;
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when no check is running. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.#checking;
  }

  /** Checks now. Returns false if hints were skipped in the last seconds: a missing hint then says nothing about the listener. */
  checkHints(): Promise<boolean> {
    this.#checking ??= this.#check()
      .catch(() => {})
      .then(() => performance.now() - this.#fullAt > SKIPPED_LATELY_MS)
      .finally(() => {
        this.#checking = null;
      });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { sequelize, onFull, onRoom } = this.#options;
    const [queue] = await query<QueueRow>(
      sequelize,
      `SELECT usage, hints_are_sent, pid, application_name, usename, datname,
              (SELECT count(*)::int FROM pg_stat_activity
               WHERE wait_event = 'SyncRep' AND datname = current_database()) AS standby_waits,
              extract(epoch FROM clock_timestamp() - since)::float8 AS held_for_s,
              coalesce(application_name LIKE 'plantao:%:listen' AND datname = current_database(), false) AS is_listener
       FROM plantao.notify_queue`,
    );
    if (!queue) return;
    this.#usage = queue.usage;
    this.#standbyWaits = queue.standby_waits;
    if (queue.hints_are_sent) return onRoom();
    this.#fullAt = performance.now();
    const percent = Math.round(queue.usage * 100);
    onFull(`the NOTIFY queue is ${percent} % full: changes are seen up to a second late`, holderOf(queue));
    if (queue.is_listener) {
      const bind = { pid: queue.pid, name: queue.application_name };
      await query(
        sequelize,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $pid AND application_name = $name',
        bind,
      );
    }
  }
}

function holderOf({ pid, application_name: name, usename, datname, held_for_s: seconds }: QueueRow): string {
  if (pid === null) {
    return 'No session that could be holding it up is visible to this role: query TABLE plantao.notify_queue as a member of pg_monitor';
  }
  const session = `${name || 'a session without a name'}, role ${usename}, database ${datname}`;
  return `Server process ${pid} (${session}) has most likely been holding it up for ${Math.round(seconds ?? 0)} s: SELECT pg_terminate_backend(${pid})`;
}
