import type { Ephemeral } from '../../../../client/index.ts';

/** Longest time for which one signal counts, in milliseconds, even if it names a longer one. */
const MAX_TTL_MS = 10_000;
/** Maximum number of users of one group that are remembered. The page shows two names and a number. */
const MAX_IN_GROUP = 100;
/** A signal that arrives this soon after a message was sent before it: nodes collect signals before they send them. */
const LATE_MS = 1000;

type TypingSignal = Extract<Ephemeral, { kind: 'typing' }>;

/** The other users who are typing, by group. A signal expires by itself; a message ends it at once. */
export class TypingUsers {
  readonly #changed: () => void;
  readonly #clock: () => number;
  /** Until when each user counts as typing, by group. */
  readonly #groups = new Map<number, Map<number, number>>();
  /** Until when signals of a user in a group are ignored as late. */
  readonly #late = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` is called when signals have expired. */
  constructor(changed: () => void, clock: () => number = () => performance.now()) {
    this.#changed = changed;
    this.#clock = clock;
  }

  /** Records a signal of a group that the user is in. */
  observe({ group_id, user_id, ttl_ms }: TypingSignal): void {
    if (this.#clock() < (this.#late.get(`${group_id} ${user_id}`) ?? 0)) return;
    const group = this.#groups.get(group_id) ?? new Map<number, number>();
    if (!group.has(user_id) && group.size >= MAX_IN_GROUP) return;
    group.set(user_id, this.#clock() + Math.min(ttl_ms, MAX_TTL_MS));
    this.#groups.set(group_id, group);
    this.#timer ??= setTimeout(() => this.#expire(), Math.min(ttl_ms, MAX_TTL_MS));
  }

  /** Records that a user is no longer typing: the message has arrived, or the user has left the group. */
  stopped(groupId: number, userId: number): void {
    this.#groups.get(groupId)?.delete(userId);
    const now = this.#clock();
    for (const [name, until] of this.#late) if (until <= now) this.#late.delete(name);
    this.#late.set(`${groupId} ${userId}`, now + LATE_MS);
  }

  /** Returns the ids of the users who are typing in a group, in the order in which they began. */
  in(groupId: number): number[] {
    const now = this.#clock();
    return [...(this.#groups.get(groupId) ?? [])].filter(([, until]) => until > now).map(([userId]) => userId);
  }

  /** Ends the timer. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #expire(): void {
    const now = this.#clock();
    let next = Number.POSITIVE_INFINITY;
    let hasChanged = false;
    for (const [groupId, group] of this.#groups) {
      for (const [userId, until] of group) {
        if (until > now) next = Math.min(next, until);
        else hasChanged = group.delete(userId);
      }
      if (group.size === 0) this.#groups.delete(groupId);
    }
    this.#timer = next < Number.POSITIVE_INFINITY ? setTimeout(() => this.#expire(), next - now) : undefined;
    // A timer may fire a part of a millisecond before its time.
    if (hasChanged) this.#changed();
  }
}
