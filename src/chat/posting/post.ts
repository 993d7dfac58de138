/** A message to be stored. `key` makes a retry safe. */
export interface Post {
  senderId: number;
  groupId: number;
  content: string;
  key: string | null;
  /** The message of the same group that it replies to. */
  replyTo?: number | undefined;
  /** A JSON object that the client stores with it, as text. */
  meta?: string | undefined;
  /** True to store it only if the commit waits for the synchronous standbys. */
  mustReplicate: boolean;
  /** True if the sender is a hook, which must not be revoked and posts to its own group only. */
  fromHook?: boolean;
}

/**
 * The disks that a commit waited for: `local` is that of PostgreSQL's primary, `replicated` also those of the synchronous
 * standbys. It is read from the settings in force when the transaction began. A commit whose wait was cancelled has none
 * (outcome_unknown). If a DBA empties synchronous_standby_names during the wait, PostgreSQL ends the wait silently: only
 * a post with `mustReplicate` is checked against the position that the standbys have flushed.
 */
export type Durability = 'local' | 'replicated';

/** A stored message; `repeated` if it was stored before under the same key. */
export interface Posted {
  messageId: number;
  sentAt: Date;
  /** Its event's position in the log. */
  position: number;
  repeated: boolean;
  durable: Durability;
}
