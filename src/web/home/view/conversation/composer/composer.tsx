/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import { errorText } from '../../../../i18n/error-text.ts';
import { chatTexts, texts } from '../../../../i18n/texts.ts';
import type { Chat } from '../../../model/chat.ts';
import type { Conversation } from '../../../model/messages/conversation.ts';
import type { Draft, DraftTarget } from '../../../model/storage/drafts.ts';
import { plainText } from '../../../model/text/plain-text.ts';
import { excerptOf, type ReplyTarget } from '../../../model/text/quotes.ts';
import { shownName } from '../../../model/user-names.ts';
import { useView } from '../../context.ts';
import { IconButton } from '../../icons.tsx';
import { insertMention, MentionList, useMentions } from './mention-list.tsx';

/** The use of the composer's text: a new message, a reply or an edit. */
export type ComposerMode = { kind: 'write' } | { kind: 'reply' | 'edit'; message: DraftTarget };

/** Longest message, in characters, as the nodes count them. */
const LIMIT = 4096;

interface Props {
  chat: Chat;
  conversation: Conversation;
  mode: ComposerMode;
  setMode: (mode: ComposerMode) => void;
  onSend: () => void;
}

/** Returns the mode in which a draft is continued. */
export function modeOf({ edit, replyTo }: Draft): ComposerMode {
  if (edit !== undefined) return { kind: 'edit', message: edit.message };
  return replyTo === undefined ? { kind: 'write' } : { kind: 'reply', message: replyTo };
}

/** Returns the text that the field has in a mode. */
function textIn(mode: ComposerMode, { text, edit }: Draft): string {
  if (mode.kind !== 'edit') return text;
  return edit?.message.id === mode.message.id ? edit.text : mode.message.content;
}

/** The message input. Each group keeps its own draft, also through a reload. */
export function Composer({ chat, conversation, mode, setMode, onSend }: Props) {
  const { app } = useView();
  const t = chatTexts();
  const field = useRef<HTMLTextAreaElement>(null);
  const { id } = conversation.group;
  const { drafts } = chat;
  const [text, setText] = useState(() => textIn(mode, drafts.get(id)));
  const [isSaving, setSaving] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const mentions = useMentions(conversation, chat.me.id);
  const latest = useRef(mode);
  latest.current = mode;
  useEffect(() => {
    // On a touch screen the keyboard would cover the messages.
    if (mode.kind !== 'write' || matchMedia('(hover: hover)').matches) field.current?.focus();
    const draft = drafts.get(id);
    if (mode.kind === 'reply') drafts.write(id, draft.text, mode.message);
    setText(textIn(mode, draft));
    setProblem(undefined);
  }, [mode]);
  // Written, sent or given up in another tab: sent here too, it would be there twice.
  useEffect(() => drafts.onChangeElsewhere(id, () => setMode(modeOf(drafts.get(id)))), [drafts, id]);
  const keep = (changed: string) => {
    setText(changed);
    if (mode.kind === 'edit') drafts.edit(id, mode.message, changed);
    else drafts.write(id, changed, mode.kind === 'reply' ? mode.message : undefined);
  };
  const endEdit = (message: DraftTarget) => {
    drafts.endEdit(id, message.id);
    setMode(modeOf(drafts.get(id)));
  };
  const save = async (edited: DraftTarget) => {
    setSaving(true);
    setProblem(undefined);
    try {
      if (text !== edited.content) await chat.changes.edit(conversation, edited.id, text);
      drafts.endEdit(id, edited.id);
      if (isEditing(latest.current, edited)) endEdit(edited);
    } catch (error) {
      // The text and the mode stay: the user decides whether to try again.
      if (!app.endedWith(error)) setProblem(error);
    } finally {
      setSaving(false);
    }
  };
  const excess = [...text].length - LIMIT;
  const send = () => {
    if (text.trim() === '' || excess > 0 || isSaving) return;
    if (mode.kind === 'edit') return void save(mode.message);
    void chat.outbox.send(conversation, text, mode.kind === 'reply' ? replyTarget(mode.message) : undefined);
    onSend();
    drafts.write(id, '');
    setText('');
    setMode({ kind: 'write' });
  };
  const choose = (name: string) => {
    if (field.current !== null) keep(insertMention(field.current, name));
    mentions.close();
  };
  const press = (event: KeyboardEvent) => {
    // While a word is being composed (Japanese, accents), the keys belong to the input method.
    if (event.isComposing || mentions.press(event, choose)) return;
    if (event.key === 'Escape' && mode.kind !== 'write') cancel();
    else if (event.key === 'ArrowUp' && text === '' && mode.kind === 'write') editLast(chat, conversation, setMode);
    else if (event.key === 'Enter' && !event.shiftKey) send();
    else return;
    event.preventDefault();
  };
  const cancel = () => {
    if (mode.kind === 'edit') return endEdit(mode.message);
    drafts.write(id, text);
    setMode({ kind: 'write' });
  };
  return (
    <form
      id="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        field.current?.focus();
      }}
    >
      {mode.kind !== 'write' && <ModeLine mode={mode} conversation={conversation} cancel={cancel} />}
      <MentionList mentions={mentions} choose={choose} />
      <label for="draft" class="visually-hidden">
        {t.message}
      </label>
      <textarea
        id="draft"
        ref={field}
        rows={1}
        dir="auto"
        placeholder={t.writeMessage}
        enterkeyhint="send"
        aria-describedby="draft-hint"
        aria-invalid={excess > 0}
        readOnly={isSaving}
        {...mentions.attributes}
        value={text}
        onInput={({ currentTarget }) => {
          keep(currentTarget.value);
          if (mode.kind !== 'edit') chat.live.reports.typed(conversation, currentTarget.value);
          mentions.update(currentTarget);
        }}
        onKeyDown={press}
        onBlur={() => mentions.close()}
      />
      <span id="draft-hint" class="visually-hidden">
        {t.enterSends}
      </span>
      <button type="submit" disabled={excess > 0 || isSaving}>
        {isSaving && <span class="spinner" />}
        {mode.kind === 'edit' ? t.save : t.send}
      </button>
      {(excess > 0 || problem !== undefined) && (
        <p class="error" role="alert">
          {excess > 0 ? t.tooLong(excess, LIMIT) : errorText(problem)}
        </p>
      )}
    </form>
  );
}

function replyTarget({ id, sender, content }: DraftTarget): ReplyTarget {
  return { id, sender, excerpt: excerptOf(content) };
}

function isEditing(mode: ComposerMode, { id }: DraftTarget): boolean {
  return mode.kind === 'edit' && mode.message.id === id;
}

/** Edits the user's latest message, as the arrow key does in most chats. */
function editLast(chat: Chat, { window, waiting }: Conversation, setMode: (mode: ComposerMode) => void): void {
  // The latest one is on its way: an earlier one is not meant.
  if (waiting !== undefined) return;
  const message = window.all.findLast(({ sender_id }) => sender_id === chat.me.id);
  if (message !== undefined && !window.hasNewer) setMode({ kind: 'edit', message });
}

interface ModeLineProps {
  mode: Exclude<ComposerMode, { kind: 'write' }>;
  conversation: Conversation;
  cancel: () => void;
}

function ModeLine({ mode, conversation, cancel }: ModeLineProps) {
  const t = chatTexts();
  // As it is now, if it is loaded: it may have been edited since.
  const { content } = conversation.window.find(mode.message.id) ?? mode.message;
  return (
    <div class="mode">
      <span>
        <strong>{mode.kind === 'edit' ? t.editing : t.replyingTo(shownName(mode.message.sender))}</strong>{' '}
        <bdi>{plainText(content).slice(0, 100)}</bdi>
      </span>
      <IconButton icon="close" label={texts().common.cancel} onClick={cancel} />
    </div>
  );
}
