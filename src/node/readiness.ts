import type { Condition, ConditionName, Conditions } from './conditions.ts';

/** What a {@link Readiness} asks; each reason is a sentence, or null where nothing is wrong. */
export interface ReadinessParts {
  conditions: Conditions;
  role(): 'active' | 'standby' | 'fallen';
  isReading(): boolean;
  isListening(): boolean;
  /** Why the last try to be promoted failed, while no node is known to be active. */
  promotionTrouble(): string | null;
  writer: { readonly trouble: string | null; probe(): void };
}

const LOOK_EVERY_MS = 500;
/** A restart of PostgreSQL or a failover is over by then, and has sentences of its own. */
const PATIENCE_MS = 2000;

/** What keeps a node from answering reads and polls, whatever its role is. */
const KEEPS_FROM_READING: readonly ConditionName[] = ['event_log', 'listener'];
/** What keeps a node from its job. */
const KEEPS_FROM_WORKING: readonly ConditionName[] = [...KEEPS_FROM_READING, 'posts', 'promotion'];

/** Whether this node could do its job now, and what keeps it from that. */
export class Readiness {
  readonly #parts: ReadinessParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#look();
      // Nobody may post for hours, and the node would be taken for one that cannot store anything.
      if (this.#parts.role() === 'active' && this.#parts.writer.trouble !== null) this.#parts.writer.probe();
    }, LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What is wrong now, with what does not keep the node from its job. */
  get conditions(): readonly Condition[] {
    this.#look();
    return this.#parts.conditions.current;
  }

  /** True while it could answer reads and polls. */
  get canRead(): boolean {
    return this.#isFreeOf(KEEPS_FROM_READING);
  }

  /** True while it could do all that its role asks for: an active stores posts, a standby could take over where none is active. */
  get isReady(): boolean {
    return this.#isFreeOf(KEEPS_FROM_WORKING);
  }

  #isFreeOf(names: readonly ConditionName[]): boolean {
    return this.#parts.role() !== 'fallen' && !this.conditions.some(({ name }) => names.includes(name));
  }

  #look(): void {
    const { role, isReading, isListening, promotionTrouble, writer } = this.#parts;
    const isStandby = role() === 'standby';
    this.#set('event_log', isReading() ? null : 'the event log cannot be read', 'the event log is read again');
    this.#set('listener', isListening() ? null : 'notifications are not heard', 'notifications are heard again');
    this.#set('promotion', isStandby ? promotionTrouble() : null, 'this node could be promoted again');
    this.#set('posts', role() === 'active' ? writer.trouble : null, 'messages are stored again');
  }

  #set(name: ConditionName, reason: string | null, over: string): void {
    const { conditions } = this.#parts;
    if (reason === null) conditions.end(name, over);
    else conditions.begin(name, reason, { patienceMs: PATIENCE_MS });
  }
}
