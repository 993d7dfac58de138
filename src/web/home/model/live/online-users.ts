/** Maximum number of users that are remembered: those of the listed groups, and of the largest ones that are opened. */
const MAX_USERS = 20_000;

interface Known {
  isOnline: boolean;
  /** When the request for it was sent, or the signal arrived, by performance.now(). */
  at: number;
}

/** The connected users, from lists that were read and signals that arrived. The newer one counts. */
export class OnlineUsers {
  readonly #users = new Map<number, Known>();
  #isOff = true;

  /** True if the cluster exchanges neither presence nor typing (PRESENCE=off), and until that is known. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /** Returns true if the user is known to be connected. */
  has(userId: number): boolean {
    return !this.#isOff && this.#users.get(userId)?.isOnline === true;
  }

  /** Records which of all listed users are connected; undefined with PRESENCE=off. `at` is when they were requested. */
  listed(online: readonly number[] | undefined, at: number): void {
    this.#isOff = online === undefined;
    for (const [userId, known] of this.#users) if (known.at <= at) this.#users.delete(userId);
    for (const userId of online ?? []) this.set(userId, true, at);
  }

  /** Records which of these members of a group are connected. */
  members(userIds: Iterable<number>, online: readonly number[], at: number): void {
    const connected = new Set(online);
    for (const userId of userIds) this.set(userId, connected.has(userId), at);
  }

  /** Records whether a user is connected, unless a newer state is known. */
  set(userId: number, isOnline: boolean, at = performance.now()): void {
    const known = this.#users.get(userId);
    if (known === undefined ? this.#users.size >= MAX_USERS : known.at > at) return;
    this.#users.set(userId, { isOnline, at });
  }
}
