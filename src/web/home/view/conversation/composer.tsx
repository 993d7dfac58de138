/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../../../../client/index.ts';
import { chatTexts, texts } from '../../../i18n/texts.ts';
import type { Chat } from '../../model/chat.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { useView } from '../context.ts';
import { IconButton } from '../icons.tsx';
import { insertMention, MentionList, useMentions } from './mention-list.tsx';

/** The use of the composer's text: a new message, a reply or an edit. */
export type ComposerMode = { kind: 'write' } | { kind: 'reply' | 'edit'; message: Message };

/** Longest message, in characters, as the nodes count them. */
const LIMIT = 4096;

interface Props {
  chat: Chat;
  conversation: Conversation;
  mode: ComposerMode;
  setMode: (mode: ComposerMode) => void;
  onSend: () => void;
}

/** The message input. Each group keeps its own draft, also through a reload. */
export function Composer({ chat, conversation, mode, setMode, onSend }: Props) {
  const { app } = useView();
  const t = chatTexts();
  const field = useRef<HTMLTextAreaElement>(null);
  const { id } = conversation.group;
  const [text, setText] = useState(() => chat.drafts.get(id).text);
  const mentions = useMentions(conversation, chat.me.id);
  useEffect(() => {
    // On a touch screen the keyboard would cover the messages.
    if (mode.kind !== 'write' || matchMedia('(hover: hover)').matches) field.current?.focus();
    if (mode.kind === 'edit') setText(mode.message.content);
  }, [mode]);
  const keep = (changed: string, kept = mode) => {
    setText(changed);
    if (kept.kind === 'edit') return;
    chat.drafts.set(id, { text: changed, ...(kept.kind === 'reply' && { replyTo: kept.message.id }) });
  };
  const done = () => {
    setMode({ kind: 'write' });
    // An edit leaves the draft that was there before.
    if (mode.kind === 'edit') setText(chat.drafts.get(id).text);
    else keep('', { kind: 'write' });
  };
  const excess = [...text].length - LIMIT;
  const send = () => {
    if (text.trim() === '' || excess > 0) return;
    if (mode.kind === 'edit') {
      if (text !== mode.message.content)
        chat.changes.edit(conversation, mode.message.id, text).catch((error) => app.failed(error));
    } else {
      void chat.outbox.send(conversation, text, mode.kind === 'reply' ? mode.message.id : undefined);
      onSend();
    }
    done();
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
    setMode({ kind: 'write' });
    if (mode.kind === 'edit') setText(chat.drafts.get(id).text);
    else keep(text, { kind: 'write' });
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
      {mode.kind !== 'write' && <ModeLine mode={mode} cancel={cancel} />}
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
      <button type="submit" disabled={excess > 0}>
        {mode.kind === 'edit' ? t.save : t.send}
      </button>
      {excess > 0 && (
        <p class="error" role="alert">
          {t.tooLong(excess, LIMIT)}
        </p>
      )}
    </form>
  );
}

/** Edits the user's latest message, as the arrow key does in most chats. */
function editLast(chat: Chat, { window }: Conversation, setMode: (mode: ComposerMode) => void): void {
  const message = window.all.findLast(({ sender_id }) => sender_id === chat.me.id);
  if (message !== undefined && !window.hasNewer) setMode({ kind: 'edit', message });
}

function ModeLine({ mode, cancel }: { mode: Exclude<ComposerMode, { kind: 'write' }>; cancel: () => void }) {
  const t = chatTexts();
  return (
    <div class="mode">
      <span>
        <strong>{mode.kind === 'edit' ? t.editing : t.replyingTo(mode.message.sender)}</strong>{' '}
        <bdi>{mode.message.content.slice(0, 100)}</bdi>
      </span>
      <IconButton icon="close" label={texts().common.cancel} onClick={cancel} />
    </div>
  );
}
