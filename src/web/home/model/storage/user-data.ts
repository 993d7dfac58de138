import type { Store } from '../../../shared/stored.ts';

/** Removes everything that this device keeps for a user whose account is deleted, including drafts and unsent messages. */
export function removeUserData(store: () => Store, userId: number): void {
  try {
    const kept = store();
    const names = Array.from({ length: kept.length }, (_, index) => kept.key(index) ?? '');
    const own = new RegExp(`^plantao\\.[a-z]+\\.${userId}\\.`);
    for (const name of names) if (own.test(name)) kept.removeItem(name);
  } catch {
    // Storage is disabled: nothing is kept.
  }
}
