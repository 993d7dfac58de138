import type { ComponentChild } from 'preact';
import type { Message } from '../../../../client/index.ts';
import { foldedName } from '../../../../folded-name.ts';
import { dayName, dayOf } from '../../../i18n/dates.ts';
import { currentLanguage } from '../../../i18n/language.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { nodeTime } from '../../../shared/node-time.ts';
import type { Chat } from '../../model/chat.ts';
import { closedBy } from '../../model/groups/group-names.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { joinSystemMessages } from '../../model/text/system-messages.ts';
import type { MessageActions } from './message-actions.ts';
import { StoredLine } from './message-line.tsx';
import { PendingLine } from './pending-line.tsx';
import { ReadByLine } from './read-by-line.tsx';
import { SystemLine } from './system-line.tsx';

/** Consecutive messages of one sender within five minutes show the name once. */
const SAME_BLOCK_MS = 5 * 60_000;

interface Props {
  chat: Chat;
  conversation: Conversation;
  actions: MessageActions;
  /** The message that the Tab key reaches; the newest one by default. */
  tabStop: number | undefined;
  /** The message that a link led to. */
  target: number | undefined;
}

/** Returns the lines of the open group: its messages, with a heading for each day and a divider before the new ones. */
export function messageLines({ chat, conversation, actions, tabStop, target }: Props) {
  const now = nodeTime();
  const language = currentLanguage();
  const names = new Set(conversation.group.members.map(({ username }) => foldedName(username)));
  const { dividerAfter } = conversation;
  const reachable = conversation.window.find(tabStop ?? 0)?.id ?? conversation.window.newest?.id;
  const { group, window } = conversation;
  const mayWrite = closedBy(group) === undefined;
  // Marks may still arrive after a group has stopped showing them.
  const readers = group.shows_reads ? conversation.reads.byMessage(window, group.members, chat.me.id) : null;
  const lines: ComponentChild[] = [];
  const oldest = window.hasOlder ? (window.oldest?.timestamp ?? '') : '';
  const systemMessages = conversation.systemMessages.all.filter(({ at }) => at >= oldest);
  /** The day of the latest line. */
  let day: string | undefined;
  /** The message of the latest line, if it is one. */
  let before: Message | undefined;
  /** Adds the heading of the day of a time, unless the latest line is of that day. */
  const addDay = (timestamp: string) => {
    const time = new Date(timestamp);
    if (dayOf(time) === day) return;
    day = dayOf(time);
    before = undefined;
    lines.push(<Separator key={day} class="day" text={dayName(time, now)} />);
  };
  /** Adds the system messages until a time; all if it is undefined. */
  const addSystemMessages = (until?: string) => {
    const after = systemMessages.findIndex(({ at }) => until !== undefined && at > until);
    for (const systemMessage of joinSystemMessages(
      systemMessages.splice(0, after < 0 ? Number.POSITIVE_INFINITY : after),
    )) {
      addDay(systemMessage.at);
      before = undefined;
      lines.push(<SystemLine key={systemMessage.key} systemMessage={systemMessage} me={chat.me.id} />);
    }
  };
  let isDivided = dividerAfter === undefined;
  for (const entry of conversation.entries()) {
    if (entry.kind === 'pending') {
      const { pending } = entry;
      addSystemMessages();
      lines.push(<PendingLine key={pending.key} {...{ chat, conversation, names, pending }} />);
      continue;
    }
    const { message } = entry;
    addSystemMessages(message.timestamp);
    addDay(message.timestamp);
    if (!isDivided && message.id > (dividerAfter ?? 0) && message.sender_id !== chat.me.id) {
      isDivided = true;
      before = undefined;
      lines.push(<Separator key="divider" class="divider" text={chatTexts().newBelow} />);
    }
    lines.push(
      <StoredLine
        key={message.id}
        message={message}
        actions={actions}
        own={chat.me.username}
        names={names}
        isOwn={message.sender_id === chat.me.id}
        mayWrite={mayWrite}
        isFirst={!follows(message, before)}
        isTabStop={message.id === reachable}
        isTarget={message.id === target}
        language={language}
      />,
    );
    before = message;
    const readBy = readers?.get(message.id);
    if (readBy !== undefined) {
      const isOwn = message.sender_id === chat.me.id;
      lines.push(<ReadByLine key={`read-${message.id}`} readers={readBy} conversation={conversation} isOwn={isOwn} />);
    }
  }
  if (!window.hasNewer) addSystemMessages();
  return lines;
}

function follows(message: Message, before: Message | undefined): boolean {
  if (before?.sender_id !== message.sender_id) return false;
  return Date.parse(message.timestamp) - Date.parse(before.timestamp) < SAME_BLOCK_MS;
}

function Separator({ class: className, text }: { class: string; text: string }) {
  return (
    <li class={className}>
      <span>{text}</span>
    </li>
  );
}
