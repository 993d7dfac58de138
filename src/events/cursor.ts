/**
 * A cursor is `<epoch>-<position>`: a history of the log, and how far in it the holder has read. It is opaque to clients,
 * which keep it and send it back. Recovery by (epoch, offset) is complete or refused, never partial, as in Centrifugo's
 * history.
 */
export interface Cursor {
  epoch: string;
  position: number;
}

/** One history of the log. It includes the positions up to the fork of the next epoch (table plantao.epochs). */
export interface Epoch {
  epoch: string;
  /** Head of the log when it began. */
  after_position: number;
}

/** Thrown for text that does not have the form of a cursor. */
export class MalformedCursorError extends Error {
  override readonly name = 'MalformedCursorError';
}

/**
 * Why a cursor cannot be continued: retention removed its events, it belongs to another history, the log ends before it,
 * or too many memberships have changed since.
 */
export type ExpiryReason = 'retention' | 'history' | 'ahead' | 'too_far';

/** Thrown for a cursor from which the log cannot be continued without a gap. */
export class CursorExpiredError extends Error {
  override readonly name = 'CursorExpiredError';
  readonly reason: ExpiryReason;
  constructor(reason: ExpiryReason) {
    super(`the cursor cannot be continued: ${reason}`);
    this.reason = reason;
  }
}

/** Returns a cursor as clients see it; {@link parseCursor} reads it. */
export const formatCursor = ({ epoch, position }: Cursor): string => `${epoch}-${position}`;

/** Returns the cursor that a client sent. @throws {MalformedCursorError} */
export function parseCursor(text: string): Cursor {
  const parts = /^([0-9a-f]{12})-(0|[1-9]\d{0,15})$/.exec(text);
  const position = Number(parts?.[2]);
  if (!parts?.[1] || !Number.isSafeInteger(position)) throw new MalformedCursorError('not a cursor');
  return { epoch: parts[1], position };
}

/**
 * Returns the position from which a cursor continues in the newest of `epochs` (oldest first). A cursor of an earlier epoch
 * is valid up to the fork, because both histories are the same until there.
 * @throws {CursorExpiredError} `history` if the epoch is unknown or the cursor lies beyond its fork.
 */
export function continuedPosition(cursor: Cursor, epochs: readonly Epoch[]): number {
  const at = epochs.findIndex((one) => one.epoch === cursor.epoch);
  const forks = epochs.slice(at + 1).map((later) => later.after_position);
  if (at < 0 || forks.some((fork) => cursor.position > fork)) throw new CursorExpiredError('history');
  return cursor.position;
}
