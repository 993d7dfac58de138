import type { Stored } from '../../../shared/stored.ts';

/** Longest wait before a tab alerts, in milliseconds: a tab that shows the message claims it at once, and random waits keep the others apart. */
const MAX_WAIT_MS = 500;

/** Lets only one tab alert the user to a message, and none if one of them shows it. */
export class AlertClaims {
  /** The newest message of each group that a tab has shown or alerted to. */
  readonly #newest: Stored<number>;

  constructor(newest: Stored<number>) {
    this.#newest = newest;
  }

  /** Claims a message. Returns false if another tab has done so. */
  claim(groupId: number, messageId: number): boolean {
    const name = String(groupId);
    if ((this.#newest.get(name) ?? 0) >= messageId) return false;
    this.#newest.set(name, messageId);
    return true;
  }

  /** Calls `alert` soon, unless another tab claims the message. */
  claimSoon(groupId: number, messageId: number, alert: () => void): void {
    setTimeout(() => this.claim(groupId, messageId) && alert(), MAX_WAIT_MS * (0.2 + 0.8 * Math.random()));
  }
}
