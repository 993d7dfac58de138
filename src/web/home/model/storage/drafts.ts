import type { Message } from '../../../../client/index.ts';
import type { Stored } from '../../../shared/stored.ts';

/** A message that a draft replies to or edits, as the composer shows it, also while the message is not loaded. */
export type DraftTarget = Pick<Message, 'id' | 'sender' | 'content'>;

/** The text that the user has written in a group and not sent. */
export interface Draft {
  /** The text of a new message. */
  text: string;
  /** The message that it replies to. */
  replyTo?: DraftTarget;
  /** The user's own message that is being edited, with its new text. It does not affect the new message. */
  edit?: { message: DraftTarget; text: string };
}

/** Returns true for a value that this page has stored as a {@link Draft}. */
export function isDraft(value: unknown): value is Draft {
  const { text, replyTo, edit } = (value ?? {}) as Partial<Draft>;
  const isTarget = (one: DraftTarget | undefined) => typeof one?.id === 'number' && typeof one.content === 'string';
  return (
    typeof text === 'string' &&
    (replyTo === undefined || isTarget(replyTo)) &&
    (edit === undefined || (isTarget(edit.message) && typeof edit.text === 'string'))
  );
}

/** The drafts of a user on this device, one for each group. */
export class Drafts {
  readonly #stored: Stored<Draft>;

  constructor(stored: Stored<Draft>) {
    this.#stored = stored;
  }

  /** Returns the draft in a group; an empty one if there is none. */
  get(groupId: number): Draft {
    return this.#stored.get(String(groupId)) ?? { text: '' };
  }

  /** Keeps the text of a new message, and what it replies to. Discards an edit that has begun. */
  write(groupId: number, text: string, replyTo?: DraftTarget): void {
    this.#set(groupId, { text, ...(replyTo && { replyTo: targetOf(replyTo) }) });
  }

  /** Keeps the new text of a message beside the draft. */
  edit(groupId: number, message: DraftTarget, text: string): void {
    this.#set(groupId, { ...this.get(groupId), edit: { message: targetOf(message), text } });
  }

  /** Ends the edit of a message: it is saved, or the user has cancelled it. The earlier draft remains. */
  endEdit(groupId: number, messageId: number): void {
    const { edit, ...draft } = this.get(groupId);
    if (edit?.message.id === messageId) this.#set(groupId, draft);
  }

  /** Calls `listener` when another tab has changed the draft of a group. Returns a function that removes it. */
  onChangeElsewhere(groupId: number, listener: () => void): () => void {
    return this.#stored.onChangeElsewhere(String(groupId), listener);
  }

  /** Stores a draft. An empty one is removed. */
  #set(groupId: number, draft: Draft): void {
    const isEmpty = draft.text === '' && draft.replyTo === undefined && draft.edit === undefined;
    this.#stored.set(String(groupId), isEmpty ? undefined : draft);
  }
}

function targetOf({ id, sender, content }: DraftTarget): DraftTarget {
  return { id, sender, content };
}
