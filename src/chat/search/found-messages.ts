import { setImmediate as nextTurn } from 'node:timers/promises';
import { isoTime } from '../../database/iso-time.ts';
import { partsOf, type TextPart } from './highlights.ts';
import type { SearchTerm } from './search-query.ts';

/** A message that was found; `parts` are its content, cut where it matches. */
export interface FoundMessage {
  id: number;
  group_id: number;
  group: string;
  sender: string;
  sender_id: number;
  hook?: true;
  content: string;
  timestamp: string;
  edited_at?: string;
  parts: TextPart[];
}

/** A message as the database returns it. */
export interface FoundRow {
  id: number;
  group_id: number;
  group_name: string;
  sender_id: number;
  sender: string;
  is_hook: boolean;
  content: string;
  created_at: unknown;
  edited_at: unknown;
}

/** Characters whose matches are marked before other work runs: some milliseconds. */
const SLICE = 8192;

/** Returns the messages of these rows with their matches, without blocking the event loop for long. */
export async function foundMessages(rows: readonly FoundRow[], terms: readonly SearchTerm[]): Promise<FoundMessage[]> {
  const found: FoundMessage[] = [];
  let characters = 0;
  for (const row of rows) {
    const message = view(row, terms);
    if (message) found.push(message);
    characters += row.content.length;
    if (characters < SLICE) continue;
    characters = 0;
    await nextTurn();
  }
  return found;
}

/** Returns null for a time that JavaScript cannot represent; such a message is left out. */
function view(row: FoundRow, terms: readonly SearchTerm[]): FoundMessage | null {
  const { id, group_id, group_name, sender, sender_id, is_hook, content, created_at, edited_at } = row;
  const timestamp = isoTime(created_at);
  if (timestamp === null) return null;
  const editedAt = isoTime(edited_at);
  return {
    id,
    group_id,
    group: group_name,
    sender,
    sender_id,
    ...(is_hook && { hook: true }),
    content,
    timestamp,
    ...(editedAt !== null && { edited_at: editedAt }),
    parts: partsOf(content, terms),
  };
}
