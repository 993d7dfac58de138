import type { CallOptions, ConnectionOptions } from './requests/cluster-connection.ts';

/** Options of a call that retries without limit: an application that cannot go on without the response passes them. */
export const NO_DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY };

/** Options of a client. `userId` and `token` are those of an earlier login. */
export interface ChatClientOptions extends ConnectionOptions {
  userId?: number;
}

/** Options of send(). Pass the same key when you retry a message whose outcome is unknown. */
export interface SendOptions extends CallOptions {
  idempotencyKey?: string;
  /** The message of the same group that this one replies to. */
  replyTo?: number;
  /** A JSON object of at most 4 KiB that is stored with the message. */
  meta?: Record<string, unknown>;
  /** `replicated`: resolve once PostgreSQL's synchronous standbys have the message. Fails with the code `not_replicated`. */
  durable?: 'replicated';
}

/** Options of an edit. `meta` replaces the meta of the message, null removes it. */
export interface EditOptions extends CallOptions {
  meta?: Record<string, unknown> | null;
}

/** The page to read: the newest one, or the one before, after or around a message id. */
export interface PageOptions extends CallOptions {
  before?: number;
  after?: number;
  around?: number;
  limit?: number;
}

/** Options of a search. `before` continues it: the `next_before` of the previous page. */
export interface SearchOptions extends CallOptions {
  groupId?: number;
  senderId?: number;
  before?: number;
  limit?: number;
}
