/// <reference lib="dom" />
import { useEffect, useRef } from 'preact/hooks';
import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';

interface Props {
  chat: Chat;
  conversation: Conversation;
  onSend: () => void;
}

/** The message input. Each group keeps its own draft. */
export function Composer({ chat, conversation, onSend }: Props) {
  const t = texts().chat;
  const draft = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    // On a touch screen the keyboard would cover the messages.
    if (matchMedia('(hover: hover)').matches) draft.current?.focus();
  }, []);
  const send = () => {
    const text = draft.current?.value ?? '';
    if (draft.current === null || text.trim() === '') return;
    draft.current.value = '';
    chat.drafts.delete(conversation.group.id);
    void chat.outbox.send(conversation, text);
    onSend();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    send();
    draft.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    // While a word is being composed (Japanese, accents), Enter belongs to the input method.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form id="composer" onSubmit={submit}>
      <label for="draft" class="visually-hidden">
        {t.message}
      </label>
      <textarea
        id="draft"
        ref={draft}
        rows={1}
        maxLength={4096}
        placeholder={t.writeMessage}
        enterkeyhint="send"
        aria-describedby="draft-hint"
        defaultValue={chat.drafts.get(conversation.group.id) ?? ''}
        onInput={({ currentTarget }) => chat.drafts.set(conversation.group.id, currentTarget.value)}
        onKeyDown={press}
      />
      <span id="draft-hint" class="visually-hidden">
        {t.enterSends}
      </span>
      <button type="submit">{t.send}</button>
    </form>
  );
}
