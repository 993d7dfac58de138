import type { Condition, ConditionName, Conditions } from './conditions.ts';

/** Options of {@link Readiness}. Reasons are sentences; null when nothing is wrong. */
export interface ReadinessOptions {
  conditions: Conditions;
  role(): 'active' | 'standby' | 'fallen';
  readProblem(): string | null;
  isListening(): boolean;
  /** Returns why the last attempt to be promoted failed, while no node is known to be active. */
  promotionProblem(): string | null;
  /** Returns the sentence about the sessions that block this node. */
  blockers(): string | null;
  /** Returns the sentence about the pause of failover, if there is one. */
  pause(): string | null;
  /** Returns the sentence about an active node of this cluster id on another database. */
  secondActive(): string | null;
  /** Returns why the log cannot be written. */
  logProblem(): string | null;
  /** Returns why writes are refused, if this node's sessions are connected to different servers. */
  serverProblem(): string | null;
  writer: Probed;
  /** The connections that requests use. */
  pool: Probed;
}

/** A part that knows why it fails, and tries again when it is probed. */
interface Probed {
  readonly problem: string | null;
  probe(): void;
}

const CHECK_EVERY_MS = 500;
/** A condition is logged after this time: a restart of PostgreSQL or a failover has ended by then, and is logged elsewhere. */
const LOG_AFTER_MS = 2000;
/** For a condition that is logged elsewhere. */
const NEVER = Number.POSITIVE_INFINITY;

/** Conditions that keep a node of any role from serving reads and polls. */
const PREVENTS_READS: readonly ConditionName[] = ['event_log', 'listener', 'pool'];
/** Conditions that keep a node from doing all that its role requires. */
const PREVENTS_WORK: readonly ConditionName[] = [...PREVENTS_READS, 'posts', 'promotion'];

/** Conditions that a node publishes in its row: the others are in views, or every node knows them. */
const PUBLISHED: readonly ConditionName[] = [
  ...PREVENTS_WORK,
  'triggers',
  'child_tables',
  'message_ids',
  'two_actives',
  'log',
  'clock',
];

/** Returns the sentences that a node publishes in its row. Null if there is none. */
export function publishedConditions({ current }: Pick<Conditions, 'current'>): string | null {
  const found = current.filter(({ name }) => PUBLISHED.includes(name));
  return found.length === 0 ? null : found.map(({ reason }) => reason).join('; ');
}

/** Checks whether this node could do what its role requires, and records what prevents it. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#check();
      // Without this, the node would report the problem until the next post, possibly for hours.
      if (this.#options.role() === 'active') this.#options.writer.probe();
      this.#options.pool.probe();
    }, CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** All conditions that exist now, including those that do not affect readiness. */
  get conditions(): readonly Condition[] {
    this.#check();
    return this.#options.conditions.current;
  }

  /** True while the node can serve reads and polls. */
  get canRead(): boolean {
    return this.#isFreeOf(PREVENTS_READS);
  }

  /** True while the node can do what its role requires: an active node stores posts, a standby can be promoted. */
  get isReady(): boolean {
    return this.#isFreeOf(PREVENTS_WORK);
  }

  #isFreeOf(names: readonly ConditionName[]): boolean {
    return this.#options.role() !== 'fallen' && !this.conditions.some(({ name }) => names.includes(name));
  }

  #check(): void {
    const {
      role,
      readProblem,
      isListening,
      promotionProblem,
      blockers,
      pause,
      secondActive,
      serverProblem,
      writer,
      pool,
    } = this.#options;
    // While the log cannot be read either, that is logged instead.
    const unlessUnreadable = { logAfterMs: readProblem() === null ? LOG_AFTER_MS : NEVER };
    this.#set('log', this.#options.logProblem(), 'the log can be written again');
    const isStandby = role() === 'standby';
    this.#set('event_log', readProblem(), 'the event log can be read again');
    this.#set(
      'listener',
      isListening() ? null : 'notifications are not received',
      'notifications are received again',
      unlessUnreadable,
    );
    this.#set('pool', pool.problem, 'requests can use the database again', unlessUnreadable);
    // coordination/candidacy.ts logs it, with the server's own words.
    this.#set('promotion', isStandby ? promotionProblem() : null, '', { logAfterMs: NEVER });
    this.#set(
      'posts',
      role() === 'active' ? (serverProblem() ?? writer.problem) : null,
      'messages can be stored again',
    );
    // database/checks/blocker-watch.ts logs it, with what only operators may see.
    this.#set('blocked', blockers(), '', { logAfterMs: NEVER });
    this.#set('paused', pause(), 'failover is possible again', { logAfterMs: 0 });
    // foreign-nodes.ts has waited until the newest epoch was known.
    this.#set('two_actives', secondActive(), 'only one node is active with this cluster id again', {
      logAfterMs: 0,
      level: 'error',
    });
  }

  #set(
    name: ConditionName,
    reason: string | null,
    ended: string,
    { logAfterMs = LOG_AFTER_MS, level = 'warn' }: { logAfterMs?: number; level?: 'warn' | 'error' } = {},
  ): void {
    const { conditions } = this.#options;
    if (reason === null) conditions.end(name, ended);
    else conditions.begin(name, reason, { logAfterMs, level });
  }
}
