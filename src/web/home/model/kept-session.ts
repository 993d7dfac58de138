/// <reference lib="dom" />
import type { SignInResult } from '../../../client/index.ts';

const KEY = 'plantao.session';

/**
 * The session of this tab, which a reload keeps and another tab does not share: two tabs can be two people, and closing
 * one signs it out.
 */
export function keptSession(): SignInResult | undefined {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    return typeof session?.user_id === 'number' && typeof session.username === 'string' ? session : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a session, or with undefined forgets it. */
export function keepSession(session: SignInResult | undefined): void {
  try {
    if (session === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage is switched off: the session lasts as long as the page.
  }
}
