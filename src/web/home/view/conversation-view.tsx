import { useRef } from 'preact/hooks';
import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { Composer } from './composer.tsx';
import { useView } from './context.ts';
import { MessageList } from './message-list.tsx';

/** The open group: its name, its messages, and the composer. */
export function ConversationView({ chat, conversation }: { chat: Chat; conversation: Conversation }) {
  const { openDialog } = useView();
  const t = texts().chat;
  const list = useRef<MessageList>(null);
  const { name, members } = conversation.group;
  return (
    <section id="conversation" aria-labelledby="conversation-title">
      <header>
        <button
          type="button"
          id="back"
          class="secondary"
          onClick={() => {
            location.hash = '';
          }}
        >
          ‹ {t.groups}
        </button>
        <h2 id="conversation-title" title={name} dir="auto">
          {name}
        </h2>
        <button
          type="button"
          id="members"
          class="secondary"
          onClick={() => openDialog({ kind: 'members', conversation })}
        >
          {t.members(members.length)}
        </button>
      </header>
      <MessageList ref={list} chat={chat} conversation={conversation} />
      <Composer chat={chat} conversation={conversation} onSend={() => list.current?.toEnd()} />
    </section>
  );
}
