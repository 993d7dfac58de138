import { type Clock, threadClock } from '../../async/clock.ts';

/** How long a group is assumed to exist under its name: short, because a removed group must soon get 404, and a new name must show. */
const TRUSTED_MS = 2000;
const MAX_KEPT = 10_000;

/**
 * Caches the names of groups that exist, so that a herd of polls does not query the database each time: the polls that arrive
 * during a look-up share it. A missing group is not cached.
 */
export class GroupNameCache {
  readonly #find: (groupId: number) => Promise<string>;
  readonly #clock: Clock;
  readonly #cached = new Map<number, { name: Promise<string>; until: number }>();

  /** `find` returns a group's name, and throws if there is no such group. */
  constructor(find: (groupId: number) => Promise<string>, clock: Clock = threadClock) {
    this.#find = find;
    this.#clock = clock;
  }

  /** Returns a group's name, at most two seconds old. @throws {Refused} group_not_found; up to two seconds after its removal the group is still found. */
  nameOf(groupId: number): Promise<string> {
    const cached = this.#cached.get(groupId);
    if (cached && this.#clock() < cached.until) return cached.name;
    const name = this.#find(groupId);
    const entry = { name, until: this.#clock() + TRUSTED_MS };
    if (this.#cached.size >= MAX_KEPT) this.#cached.clear();
    this.#cached.set(groupId, entry);
    name.catch(() => {
      if (this.#cached.get(groupId) === entry) this.#cached.delete(groupId);
    });
    return name;
  }
}
