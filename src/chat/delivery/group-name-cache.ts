/** A group that was there is taken to be there for this long: a herd that polls it anew does not ask the database each time. */
const TRUSTED_MS = 60_000;
const MOST_KEPT = 10_000;

/** Groups that are known to exist, and what they are called. That one is missing is not remembered but asked each time. */
export class GroupNameCache {
  readonly #find: (groupId: number) => Promise<string>;
  readonly #clock: () => number;
  readonly #seen = new Map<number, { name: string; until: number }>();

  /** `find` answers a group's name, and throws where there is no such group. */
  constructor(find: (groupId: number) => Promise<string>, clock: () => number = () => performance.now()) {
    this.#find = find;
    this.#clock = clock;
  }

  /** A group's name, of the last minute. @throws {Refused} group_not_found, at most a minute after the group has gone. */
  async nameOf(groupId: number): Promise<string> {
    const seen = this.#seen.get(groupId);
    if (seen && this.#clock() < seen.until) return seen.name;
    this.#seen.delete(groupId);
    const name = await this.#find(groupId);
    if (this.#seen.size >= MOST_KEPT) this.#seen.clear();
    this.#seen.set(groupId, { name, until: this.#clock() + TRUSTED_MS });
    return name;
  }
}
