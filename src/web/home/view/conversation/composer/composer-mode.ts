import type { Draft, DraftTarget } from '../../../model/storage/drafts.ts';

/** The use of the composer's text: a new message, a reply or an edit. */
export type ComposerMode = { kind: 'write' } | { kind: 'reply' | 'edit'; message: DraftTarget };

/** Returns the mode in which a draft is continued. */
export function modeOf({ edit, replyTo }: Draft): ComposerMode {
  if (edit !== undefined) return { kind: 'edit', message: edit.message };
  return replyTo === undefined ? { kind: 'write' } : { kind: 'reply', message: replyTo };
}

/** Returns the text that the field has in a mode. */
export function textIn(mode: ComposerMode, { text, edit }: Draft): string {
  if (mode.kind !== 'edit') return text;
  return edit?.message.id === mode.message.id ? edit.text : mode.message.content;
}

/** Returns true if the mode is the edit of this message. */
export function isEditing(mode: ComposerMode, { id }: DraftTarget): boolean {
  return mode.kind === 'edit' && mode.message.id === id;
}
