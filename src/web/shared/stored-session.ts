/// <reference lib="dom" />
import type { SignInResult } from '../../client/index.ts';

const KEY = 'plantao.session';

/** A session as this device keeps it. */
export interface StoredSession extends SignInResult {
  /** True if it outlives the tab: other tabs use it too. */
  isKept?: boolean;
}

/**
 * Loads the session of this tab, or the one that is kept on this device. The tab's own comes first: two tabs can be signed in as
 * two users.
 */
export function loadSession(): StoredSession | undefined {
  return read(() => sessionStorage) ?? read(() => localStorage);
}

/** Stores a session in this tab; with `isKept` also for other and later tabs. */
export function saveSession(session: StoredSession): void {
  write(() => sessionStorage, session);
  if (session.isKept === true) write(() => localStorage, session);
}

/**
 * Removes the session of this tab, and after a sign-out the kept one if it is the same user's. If the session has expired, another
 * tab may have changed the password, and have kept a new one.
 */
export function forgetSession(userId: number, isSignOut: boolean): void {
  write(() => sessionStorage, undefined);
  if (isSignOut && read(() => localStorage)?.user_id === userId) write(() => localStorage, undefined);
}

/** Calls `listener` when another tab has ended the session of this user, until the signal is aborted. */
export function onForgotten(userId: number, signal: AbortSignal, listener: () => void): void {
  const changed = ({ key, newValue, oldValue }: StorageEvent) => {
    if (key === KEY && newValue === null && parse(oldValue)?.user_id === userId) listener();
  };
  addEventListener('storage', changed, { signal });
}

function read(storage: () => Storage): StoredSession | undefined {
  try {
    return parse(storage().getItem(KEY));
  } catch {
    return undefined;
  }
}

function parse(text: string | null): StoredSession | undefined {
  const session = JSON.parse(text ?? 'null');
  return typeof session?.user_id === 'number' && typeof session.username === 'string' ? session : undefined;
}

function write(storage: () => Storage, session: StoredSession | undefined): void {
  try {
    if (session === undefined) storage().removeItem(KEY);
    else storage().setItem(KEY, JSON.stringify(session));
  } catch {
    // Storage is disabled: the session lasts as long as the page.
  }
}
