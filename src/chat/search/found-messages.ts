import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MessageRow, type MessageView, messageView } from '../messages/message-view.ts';
import { partsOf, type TextPart } from './highlights.ts';
import type { SearchTerm } from './search-query.ts';

/** A message that was found; `parts` are its content, cut where it matches. */
export interface FoundMessage extends MessageView {
  group_id: number;
  group: string;
  parts: TextPart[];
}

/** A message as the database returns it, with its group. */
export interface FoundRow extends MessageRow {
  group_id: number;
  group_name: string;
}

/** Number of characters whose matches are marked before other work runs: a few milliseconds. */
const SLICE = 8192;

/** Returns the messages of these rows with their matches, without blocking the event loop for long. */
export async function foundMessages(rows: readonly FoundRow[], terms: readonly SearchTerm[]): Promise<FoundMessage[]> {
  const found: FoundMessage[] = [];
  let characters = 0;
  for (const row of rows) {
    const message = messageView(row);
    const { group_id, group_name: group, content } = row;
    if (message) found.push({ ...message, group_id, group, parts: partsOf(content, terms) });
    characters += content.length;
    if (characters < SLICE) continue;
    characters = 0;
    await nextTurn();
  }
  return found;
}
