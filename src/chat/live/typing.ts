import type { Signals } from './signals.ts';

/** How long a client shows that a user is typing, unless it receives the signal again. */
export const TYPING_MS = 6000;
/** Maximum number of signals of one user in a minute, in all groups together: a client sends one every few seconds while its user is typing. */
export const TYPING_PER_MINUTE = 120;
/** The shortest interval between two signals for the same user and group. */
const REPEAT_MS = 2000;
/** Signals that arrive within this time are sent together: at most ten notifications a second. */
const BATCH_MS = 100;
/** Maximum number of users in one notification, far fewer than its bytes allow. More are dropped. */
const MAX_IN_BATCH = 150;
const MAX_REMEMBERED = 10_000;

/** Collects the users who are typing on this node and sends them to all nodes. */
export class Typing {
  readonly #signals: Pick<Signals, 'send'>;
  readonly #sentAt = new Map<string, number>();
  #batch: [number, number][] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(signals: Pick<Signals, 'send'>) {
    this.#signals = signals;
  }

  /** Signals that a member is typing in a group. */
  add(groupId: number, userId: number): void {
    if (this.#isStopped) return;
    const key = `${groupId} ${userId}`;
    const now = performance.now();
    if (now - (this.#sentAt.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    if (this.#batch.length >= MAX_IN_BATCH) return;
    if (this.#sentAt.size >= MAX_REMEMBERED) this.#sentAt.clear();
    this.#sentAt.set(key, now);
    this.#batch.push([groupId, userId]);
    this.#timer ??= setTimeout(() => this.#send(), BATCH_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #send(): void {
    this.#timer = undefined;
    const typing = this.#batch;
    this.#batch = [];
    this.#signals.send([{ typing }]);
  }
}
