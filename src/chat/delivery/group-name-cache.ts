/** How long a group is assumed to exist, so that a herd of polls does not query the database each time. */
const TRUSTED_MS = 60_000;
const MAX_KEPT = 10_000;

/** Caches the names of groups that exist. A missing group is not cached but looked up each time. */
export class GroupNameCache {
  readonly #find: (groupId: number) => Promise<string>;
  readonly #clock: () => number;
  readonly #cached = new Map<number, { name: string; until: number }>();

  /** `find` returns a group's name, and throws if there is no such group. */
  constructor(find: (groupId: number) => Promise<string>, clock: () => number = () => performance.now()) {
    this.#find = find;
    this.#clock = clock;
  }

  /** Returns a group's name, at most a minute old. @throws {Refused} group_not_found, at most a minute after its removal. */
  async nameOf(groupId: number): Promise<string> {
    const cached = this.#cached.get(groupId);
    if (cached && this.#clock() < cached.until) return cached.name;
    this.#cached.delete(groupId);
    const name = await this.#find(groupId);
    if (this.#cached.size >= MAX_KEPT) this.#cached.clear();
    this.#cached.set(groupId, { name, until: this.#clock() + TRUSTED_MS });
    return name;
  }
}
