import type { Log } from '../log.ts';

/** What can be wrong with a node or with what it depends on; the names are part of `/health` and of the log. */
export type ConditionName = 'event_log' | 'listener' | 'notify_queue' | 'posts' | 'promotion';

/** Something that is wrong now. */
export interface Condition {
  name: ConditionName;
  /** One sentence for whoever may ask a node for its health. */
  reason: string;
  since: Date;
}

/** How a {@link Condition} begins. */
export interface Beginning {
  /** Follows the reason in the log, where it may name roles, addresses and statements. */
  detail?: string;
  /** For what is over within this, the log says nothing; milliseconds. */
  patienceMs?: number;
}

interface Entry extends Condition {
  isLogged: boolean;
}

/** What is wrong now. Logs each condition once when it begins and once when it ends. */
export class Conditions {
  readonly #log: Log;
  readonly #current = new Map<ConditionName, Entry>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** The oldest first. */
  get current(): readonly Condition[] {
    return Array.from(this.#current.values(), ({ name, reason, since }) => ({ name, reason, since }));
  }

  /** The condition holds; one that holds already keeps its beginning and takes the new reason. */
  begin(name: ConditionName, reason: string, { detail, patienceMs = 0 }: Beginning = {}): void {
    const entry = this.#current.get(name) ?? { name, reason, since: new Date(), isLogged: false };
    entry.reason = reason;
    this.#current.set(name, entry);
    if (entry.isLogged || Date.now() - entry.since.getTime() < patienceMs) return;
    entry.isLogged = true;
    this.#log.warn({ event: 'condition_began', condition: name }, detail ? `${reason}. ${detail}` : reason);
  }

  /** The condition does not hold any more; `sentence` is logged if the beginning was. */
  end(name: ConditionName, sentence: string): void {
    const entry = this.#current.get(name);
    this.#current.delete(name);
    if (entry?.isLogged) this.#log.info({ event: 'condition_ended', condition: name }, sentence);
  }
}
