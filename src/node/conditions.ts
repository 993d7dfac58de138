import type { Log } from '../log/log.ts';

/** A fault of a node or of something it depends on. The names are part of `/health` and of the log. */
export type ConditionName =
  | 'blocked'
  | 'child_tables'
  | 'clock'
  | 'event_log'
  | 'listener'
  | 'log'
  | 'message_ids'
  | 'notify_queue'
  | 'paused'
  | 'pool'
  | 'posts'
  | 'promotion'
  | 'triggers'
  | 'two_actives';

/** A fault that exists now. */
export interface Condition {
  name: ConditionName;
  /** One sentence; public, since `/health` needs no authentication. */
  reason: string;
  since: Date;
}

/** Options of {@link Conditions.begin}. */
export interface BeginOptions {
  /** Follows the reason in the log, and only there: it may name roles, addresses and statements. */
  detail?: string;
  /** How long a condition must last before it is logged; milliseconds. */
  logAfterMs?: number;
  /** Default warn. */
  level?: 'warn' | 'error';
}

interface Entry extends Condition {
  isLogged: boolean;
}

/** The faults that exist now. Logs each once when it begins and once when it ends. */
export class Conditions {
  readonly #log: Log;
  readonly #current = new Map<ConditionName, Entry>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** All conditions, oldest first. */
  get current(): readonly Condition[] {
    return Array.from(this.#current.values(), ({ name, reason, since }) => ({ name, reason, since }));
  }

  /** Records that the condition exists. If it was recorded before, only its reason changes. */
  begin(name: ConditionName, reason: string, { detail, logAfterMs = 0, level = 'warn' }: BeginOptions = {}): void {
    const entry = this.#current.get(name) ?? { name, reason, since: new Date(), isLogged: false };
    entry.reason = reason;
    this.#current.set(name, entry);
    if (entry.isLogged || Date.now() - entry.since.getTime() < logAfterMs) return;
    entry.isLogged = true;
    this.#log[level]({ event: 'condition_began', condition: name }, detail ? `${reason}. ${detail}` : reason);
  }

  /** Records that the condition has ended; logs `sentence` if its beginning was logged. */
  end(name: ConditionName, sentence: string): void {
    const entry = this.#current.get(name);
    this.#current.delete(name);
    if (entry?.isLogged) this.#log.info({ event: 'condition_ended', condition: name }, sentence);
  }
}
