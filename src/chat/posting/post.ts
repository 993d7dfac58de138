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
}

/** A stored message; `repeated` if it was stored before under the same key. */
export interface Posted {
  messageId: number;
  sentAt: Date;
  /** Its event's position in the log. */
  position: number;
  repeated: boolean;
}
