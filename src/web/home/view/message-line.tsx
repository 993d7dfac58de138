import { Component, type ComponentChildren } from 'preact';
import type { Message } from '../../../client/index.ts';
import { dateAndTime, timeOfDay } from '../../i18n/dates.ts';
import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation, Pending } from '../model/conversation.ts';
import { useView } from './context.ts';

interface StoredProps {
  message: Message;
  conversation: Conversation;
  isOwn: boolean;
  /** True if it does not follow another message of its sender. */
  isFirst: boolean;
}

/** A stored message. Renders only when it changes, because a list may have thousands. */
export class StoredLine extends Component<StoredProps> {
  override shouldComponentUpdate(next: StoredProps): boolean {
    return next.message !== this.props.message || next.isFirst !== this.props.isFirst;
  }

  override render({ message, conversation, isOwn, isFirst }: StoredProps) {
    const time = new Date(message.timestamp);
    const t = texts().chat;
    return (
      <Line
        class={`message${isOwn ? ' own' : ''}${isFirst ? ' first' : ''}`}
        sender={message.sender}
        text={message.content}
      >
        {isOwn && <DeleteButton message={message} conversation={conversation} />}
        {message.edited_at !== undefined && `${t.edited} `}
        <time dateTime={message.timestamp} title={dateAndTime(time)}>
          {timeOfDay(time)}
        </time>
      </Line>
    );
  }
}

function DeleteButton({ message, conversation }: { message: Message; conversation: Conversation }) {
  const { openDialog } = useView();
  const t = texts().chat;
  return (
    <button
      type="button"
      class="secondary small delete"
      aria-label={t.deleteOwn(message.content.slice(0, 40))}
      onClick={() => openDialog({ kind: 'delete-message', conversation, messageId: message.id })}
    >
      {t.delete}
    </button>
  );
}

interface PendingProps {
  pending: Pending;
  chat: Chat;
  conversation: Conversation;
}

/** A message that is being sent, or that could not be sent. */
export function PendingLine({ chat, conversation, pending: { key, content, state } }: PendingProps) {
  const t = texts().chat;
  return (
    <Line class={`message own first ${state}`} sender={t.you} text={content}>
      {state === 'sending' ? t.sending : t.notSent}
      {state === 'failed' && (
        <>
          <button type="button" class="secondary small" onClick={() => void chat.outbox.retry(conversation, key)}>
            {t.retry}
          </button>
          <button type="button" class="secondary small" onClick={() => chat.outbox.discard(conversation, key)}>
            {t.discard}
          </button>
        </>
      )}
    </Line>
  );
}

interface LineProps {
  class: string;
  sender: string;
  text: string;
  /** What is below the text. */
  children: ComponentChildren;
}

function Line({ class: className, sender, text, children }: LineProps) {
  return (
    <li class={className}>
      <div class="sender" dir="auto">
        {sender}
      </div>
      <div class="body">
        <div class="content" dir="auto">
          {text}
        </div>
        <span class="foot">{children}</span>
      </div>
    </li>
  );
}
