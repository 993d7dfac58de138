import type { ComponentChild } from 'preact';
import type { Message } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import { dayName, dayOf } from '../../../i18n/dates.ts';
import { currentLanguage } from '../../../i18n/language.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { nodeTime } from '../../../shared/node-time.ts';
import type { ChatState } from '../../model/chat-state.ts';
import { closedBy } from '../../model/groups/group-names.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { type Happening, happeningsOf } from '../../model/messages/happenings.ts';
import type { MessageActions } from './message-actions.ts';
import { StoredLine } from './message-line.tsx';
import { PendingLine } from './pending-line.tsx';
import { ReadByLine } from './read-by-line.tsx';
import { SystemLine } from './system-line.tsx';

/** Consecutive messages of one sender within five minutes show the name once. */
const SAME_BLOCK_MS = 5 * 60_000;

interface Props {
  chat: ChatState;
  conversation: Conversation;
  actions: MessageActions;
  /** The message that the Tab key reaches; the newest one by default. */
  tabStop: number | undefined;
  /** The message that a link led to. */
  target: number | undefined;
}

/** Returns the lines of the open group: its messages, with a heading for each day and a divider before the new ones. */
export function messageLines(props: Props): ComponentChild[] {
  const { chat, conversation } = props;
  const now = nodeTime();
  const linesOf = rendering(props);
  const lines: ComponentChild[] = [];
  const { window } = conversation;
  let { dividerAfter } = conversation;
  // The new messages begin before the loaded ones.
  if (window.hasOlder && dividerAfter !== undefined && (window.oldest?.id ?? 0) > dividerAfter)
    dividerAfter = undefined;
  /** The day of the latest line. */
  let day: string | undefined;
  /** The message of the latest line, if it is one. */
  let before: Message | undefined;
  for (const happening of happeningsOf(conversation)) {
    const message = 'timestamp' in happening ? happening : undefined;
    const at = 'at' in happening ? happening.at : message?.timestamp;
    const time = new Date(at ?? '');
    if (at !== undefined && dayOf(time) !== day) {
      day = dayOf(time);
      before = undefined;
      lines.push(<Separator key={day} class="day" text={dayName(time, now)} />);
    }
    if (message !== undefined && message.id > (dividerAfter ?? Infinity) && message.sender_id !== chat.me.id) {
      dividerAfter = before = undefined;
      lines.push(<Separator key="divider" class="divider" text={chatTexts().newBelow} />);
    }
    lines.push(...linesOf(happening, !follows(message, before)));
    before = message;
  }
  return lines;
}

/** Returns a function that renders one thing that happened in the open group; below a message, also who has read it. */
function rendering({ chat, conversation, actions, tabStop, target }: Props) {
  const { me } = chat;
  const { group, window, reads } = conversation;
  const language = currentLanguage();
  const names = new Set(group.members.map(({ username }) => foldedName(username)));
  const reachable = window.find(tabStop ?? 0)?.id ?? window.newest?.id;
  const mayWrite = closedBy(group) === undefined;
  // Read marks may still arrive after a group has stopped showing them.
  const readers = group.shows_reads ? reads.byMessage(window, group.members, me.id) : null;
  return (happening: Happening, isFirst: boolean): ComponentChild[] => {
    if ('state' in happening) {
      return [<PendingLine key={happening.key} {...{ chat, conversation, names }} pending={happening} />];
    }
    if ('at' in happening) return [<SystemLine key={happening.key} systemMessage={happening} me={me.id} />];
    const message = happening;
    const isOwn = message.sender_id === me.id;
    const readBy = readers?.get(message.id);
    const lines = [
      <StoredLine
        key={message.id}
        {...{ message, actions, names, isOwn, mayWrite, isFirst, language }}
        own={me.username}
        isTabStop={message.id === reachable}
        isTarget={message.id === target}
      />,
    ];
    if (readBy) lines.push(<ReadByLine key={`read-${message.id}`} readers={readBy} {...{ conversation, isOwn }} />);
    return lines;
  };
}

function follows(message: Message | undefined, before: Message | undefined): boolean {
  if (message === undefined || before?.sender_id !== message.sender_id) return false;
  return Date.parse(message.timestamp) - Date.parse(before.timestamp) < SAME_BLOCK_MS;
}

function Separator({ class: className, text }: { class: string; text: string }) {
  return (
    <li class={className}>
      <span>{text}</span>
    </li>
  );
}
