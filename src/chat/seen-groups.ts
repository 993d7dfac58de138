/** A group that was there is taken to be there for this long: a herd that polls it anew does not ask the database each time. */
const TRUSTED_MS = 60_000;
const MOST_KEPT = 10_000;

/** Groups that are known to exist. Only that is remembered; that one is missing is asked each time. */
export class SeenGroups {
  readonly #require: (groupId: number) => Promise<unknown>;
  readonly #clock: () => number;
  readonly #seen = new Map<number, number>();

  /** `require` throws where there is no such group. */
  constructor(require: (groupId: number) => Promise<unknown>, clock: () => number = () => performance.now()) {
    this.#require = require;
    this.#clock = clock;
  }

  /** @throws {Refused} group_not_found, at most a minute after the group has gone. */
  async require(groupId: number): Promise<void> {
    const until = this.#seen.get(groupId);
    if (until !== undefined && this.#clock() < until) return;
    this.#seen.delete(groupId);
    await this.#require(groupId);
    if (this.#seen.size >= MOST_KEPT) this.#seen.clear();
    this.#seen.set(groupId, this.#clock() + TRUSTED_MS);
  }
}
