import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChatState } from '../../../model/chat-state.ts';
import type { Conversation } from '../../../model/messages/conversation.ts';
import type { DraftTarget } from '../../../model/storage/drafts.ts';
import { excerptOf, type ReplyTarget } from '../../../model/text/quotes.ts';
import { useView } from '../../context.ts';
import { type ComposerMode, isEditing, modeOf, textIn } from './composer-mode.ts';

/** Longest message, in characters, as the nodes count them. */
export const MAX_MESSAGE_LENGTH = 4096;

/** The text of the composer. It is kept as the draft of its group until it is sent, saved or discarded. */
export interface DraftField {
  text: string;
  /** By how many characters the text is too long; less than 1 if it is not. */
  excess: number;
  /** True while an edit is being saved. */
  isSaving: boolean;
  /** The error with which an edit could not be saved; undefined if there is none. */
  problem: unknown;
  /** Keeps a changed text. */
  keep(text: string): void;
  /** Sends the text as a message, or saves it as an edit. */
  send(): void;
  /** Cancels the edit, or the reply but not its text. */
  cancel(): void;
}

/** Options of the composer, and of {@link useDraft}. */
export interface DraftOptions {
  chat: ChatState;
  conversation: Conversation;
  mode: ComposerMode;
  setMode: (mode: ComposerMode) => void;
  onSend: () => void;
}

/** Keeps the text of the composer in step with its mode and with the draft of the group. */
export function useDraft({ chat, conversation, mode, setMode, onSend }: DraftOptions): DraftField {
  const { id } = conversation.group;
  const { drafts } = chat;
  const [text, setText] = useState(() => textIn(mode, drafts.get(id)));
  const { isSaving, problem, save, clear } = useSaving(chat, conversation);
  const latest = useRef(mode);
  latest.current = mode;
  const toDraft = () => setMode(modeOf(drafts.get(id)));
  useEffect(() => {
    const draft = drafts.get(id);
    if (mode.kind === 'reply') drafts.write(id, draft.text, mode.message);
    setText(textIn(mode, draft));
    clear();
  }, [mode]);
  // Another tab has changed, sent or discarded the draft. Sent here too, it would appear twice.
  useEffect(() => drafts.onChangeElsewhere(id, toDraft), [drafts, id]);
  const keep = (changed: string) => {
    setText(changed);
    if (mode.kind === 'edit') drafts.edit(id, mode.message, changed);
    else drafts.write(id, changed, mode.kind === 'reply' ? mode.message : undefined);
  };
  const excess = [...text].length - MAX_MESSAGE_LENGTH;
  const send = () => {
    if (text.trim() === '' || excess > 0 || isSaving) return;
    if (mode.kind === 'edit') {
      const { message } = mode;
      return void save(message, text, () => isEditing(latest.current, message) && toDraft());
    }
    void chat.outbox.send(conversation, text, mode.kind === 'reply' ? replyTarget(mode.message) : undefined);
    onSend();
    chat.live.reports.typed(conversation, '');
    drafts.write(id, '');
    setText('');
    setMode({ kind: 'write' });
  };
  const cancel = () => {
    if (mode.kind === 'edit') {
      drafts.endEdit(id, mode.message.id);
      return toDraft();
    }
    drafts.write(id, text);
    setMode({ kind: 'write' });
  };
  return { text, excess, isSaving, problem, keep, send, cancel };
}

/** Saves an edit. If that fails, the text and the mode stay: the user decides whether to try again. */
function useSaving({ changes, drafts }: ChatState, conversation: Conversation) {
  const { app } = useView();
  const [isSaving, setSaving] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const clear = () => setProblem(undefined);
  const save = async (edited: DraftTarget, text: string, onSaved: () => void) => {
    setSaving(true);
    clear();
    try {
      if (text !== edited.content) await changes.edit(conversation, edited.id, text);
      drafts.endEdit(conversation.group.id, edited.id);
      onSaved();
    } catch (error) {
      if (!app.endedWith(error)) setProblem(error);
    } finally {
      setSaving(false);
    }
  };
  return { isSaving, problem, save, clear };
}

function replyTarget({ id, sender, content }: DraftTarget): ReplyTarget {
  return { id, sender, excerpt: excerptOf(content) };
}
