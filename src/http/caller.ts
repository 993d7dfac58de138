import type { Request } from 'express';
import { HttpError } from './errors.ts';

/** Who calls. Where AUTH=open nobody is known and everybody is believed. */
export interface Caller {
  /** The signed-in user, or null where AUTH=open. */
  userId: number | null;
  /** May run the cluster (fall, revive, switch over, notify all). */
  isAdmin: boolean;
}

/** Finds out who calls. @throws {HttpError} 401 where a token is wanted and none, or a bad one, was given. */
export type Identify = (request: Request) => Promise<Caller>;

/** AUTH=open: whoever says userId is believed, as in the seed. */
export const believeEverybody: Identify = async () => ({ userId: null, isAdmin: true });

/** @throws {HttpError} 403 where the caller is known and is somebody else. */
export function requireSelf(caller: Caller, userId: number): void {
  if (caller.userId !== null && caller.userId !== userId) {
    throw new HttpError(403, 'forbidden', 'this userId is not yours');
  }
}
