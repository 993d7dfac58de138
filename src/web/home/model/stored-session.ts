/// <reference lib="dom" />
import type { SignInResult } from '../../../client/index.ts';

const KEY = 'plantao.session';

/**
 * Loads the session of this tab. It survives a reload and is not shared with other tabs: two tabs can be signed in as two
 * users, and closing a tab signs it out.
 */
export function loadSession(): SignInResult | undefined {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    return typeof session?.user_id === 'number' && typeof session.username === 'string' ? session : undefined;
  } catch {
    return undefined;
  }
}

/** Stores a session; undefined removes it. */
export function saveSession(session: SignInResult | undefined): void {
  try {
    if (session === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage is disabled: the session lasts as long as the page.
  }
}
