import type { Log } from './log.ts';

/** What can be wrong with a node or with what it depends on; the names are part of `/health` and of the log. */
export type ConditionName = 'notify_queue';

/** Something that is wrong now. */
export interface Condition {
  name: ConditionName;
  /** One sentence: what, and what to do. */
  reason: string;
  since: Date;
}

/** What is wrong now. Logs each condition once when it begins and once when it ends. */
export class Conditions {
  readonly #log: Log;
  readonly #current = new Map<ConditionName, Condition>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** The oldest first. */
  get current(): Condition[] {
    return [...this.#current.values()];
  }

  has(name: ConditionName): boolean {
    return this.#current.has(name);
  }

  /** The condition holds; one that holds already keeps its beginning and takes the new reason. */
  begin(name: ConditionName, reason: string): void {
    const known = this.#current.get(name);
    if (known) known.reason = reason;
    else {
      this.#current.set(name, { name, reason, since: new Date() });
      this.#log.warn({ event: 'condition_began', condition: name }, reason);
    }
  }

  /** The condition does not hold any more; `sentence` is logged if it did. */
  end(name: ConditionName, sentence: string): void {
    if (this.#current.delete(name)) this.#log.info({ event: 'condition_ended', condition: name }, sentence);
  }
}
