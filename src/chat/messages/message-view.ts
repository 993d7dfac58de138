import { isoTime } from '../../database/sql/timestamps.ts';

/** A message as histories and searches show it. A delivered event has the same fields (events/log-event.ts). */
export interface MessageView {
  id: number;
  sender: string;
  sender_id: number;
  hook?: true;
  content: string;
  timestamp: string;
  edited_at?: string;
}

/** A message as the database returns it. */
export interface MessageRow {
  id: number;
  sender: string;
  sender_id: number;
  is_hook: boolean;
  content: string;
  created_at: unknown;
  edited_at: unknown;
}

/** Returns a message as clients see it; null if JavaScript cannot represent its time, and the message is left out. */
export function messageView({ id, sender, sender_id, is_hook, content, ...times }: MessageRow): MessageView | null {
  const [timestamp, editedAt] = [isoTime(times.created_at), isoTime(times.edited_at)];
  if (timestamp === null) return null;
  return {
    id,
    sender,
    sender_id,
    ...(is_hook && { hook: true }),
    content,
    timestamp,
    ...(editedAt !== null && { edited_at: editedAt }),
  };
}
