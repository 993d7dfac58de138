import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import type { Chat, User } from '../../../client/index.ts';
import { shownCount } from '../../i18n/counts.ts';
import { shortTime } from '../../i18n/dates.ts';
import { chatTexts } from '../../i18n/texts.ts';
import { nodeTime } from '../../shared/node-time.ts';
import type { ChatState } from '../model/chat-state.ts';
import { nameOf, otherOf } from '../model/groups/group-names.ts';
import { groupHash } from '../model/location.ts';
import type { Conversation } from '../model/messages/conversation.ts';
import { plainText } from '../model/text/plain-text.ts';
import { shownName } from '../model/user-names.ts';
import { useView } from './context.ts';
import { Icon, IconButton } from './elements/icons.tsx';
import { OnlineDot } from './elements/online-dot.tsx';
import { moveFocus } from './elements/roving.ts';
import { GroupButtons } from './new-chat-buttons.tsx';

/** The list of groups, each with its last message and unread count. The list is a single tab stop. */
export function GroupsPane({ chat }: { chat: ChatState }) {
  const { app, openDialog } = useView();
  const t = chatTexts();
  const list = useRef<HTMLUListElement>(null);
  const { groups, opened } = chat;
  const conversations = groups.sorted;
  const tabStop = opened ?? conversations[0];
  const { mutes } = app;
  return (
    <nav id="groups-pane" aria-labelledby="groups-title">
      <div class="pane-head">
        <h2 id="groups-title">{t.chats}</h2>
        <IconButton icon="person" label={t.newDirect} onClick={() => openDialog({ kind: 'new-direct' })} />
        <IconButton icon="search" label={t.findShortcut} onClick={() => openDialog({ kind: 'find' })} />
      </div>
      <ul id="groups" ref={list} onKeyDown={(event) => moveFocus(event, list.current, 'a')}>
        {conversations.map((conversation) => (
          <GroupLink
            key={conversation.group.id}
            chat={chat}
            conversation={conversation}
            isOpen={conversation === opened}
            isTabStop={conversation === tabStop}
            isMuted={mutes.has(conversation.group.id)}
          />
        ))}
      </ul>
      {!(groups.isLoaded && conversations.length === 0) && (
        <div class="buttons">
          <GroupButtons />
        </div>
      )}
    </nav>
  );
}

type LastMessage = NonNullable<Conversation['last']>;

interface LinkProps {
  chat: ChatState;
  conversation: Conversation;
  isOpen: boolean;
  isTabStop: boolean;
  isMuted: boolean;
}

function GroupLink({ chat, conversation, isOpen, isTabStop, isMuted }: LinkProps) {
  const { app } = useView();
  const { me } = chat;
  const { group, last, unread, mentions, waiting } = conversation;
  const t = chatTexts();
  // Shown only if the message has to wait: otherwise the state would flash each time a message is sent.
  const isStuck = waiting?.state === 'sending' && app.cluster.waitsFor !== undefined;
  const state = waiting?.state === 'failed' ? t.notSent : isStuck ? t.waitingShort : undefined;
  return (
    <li>
      <a href={groupHash(group.id)} aria-current={isOpen ? 'page' : undefined} tabIndex={isTabStop ? 0 : -1}>
        <span class="name" dir="auto">
          {group.direct && <Icon name="person" />}
          {nameOf(group, me)}
          <OnlineDot userId={otherOf(group, me)?.id} />
          {isMuted && (
            <span role="img" aria-label={t.muted} title={t.muted}>
              <Icon name="muted" />
            </span>
          )}
        </span>
        {state !== undefined ? (
          <span class="state">{state}</span>
        ) : (
          last !== undefined && <time dateTime={last.timestamp}>{shortTime(new Date(last.timestamp), nodeTime())}</time>
        )}
        <span class="preview" dir="auto">
          {preview(chat, conversation, isOpen)}
        </span>
        {unread > 0 && (
          <span class="badges">
            {mentions > 0 && (
              <span class="mentioned" role="img" aria-label={t.mentionCount(mentions)} title={t.mentionCount(mentions)}>
                @
              </span>
            )}
            <span class={isMuted ? 'unread muted' : 'unread'} role="img" aria-label={t.unread(unread)}>
              {shownCount(unread)}
            </span>
          </span>
        )}
      </a>
    </li>
  );
}

/** Returns the start of the message that is being sent, of the draft, or of the group's last message. */
function preview({ drafts, me }: ChatState, { group, last, waiting }: Conversation, isOpen: boolean) {
  const t = chatTexts();
  // The draft of the open chat is in its composer.
  const draft = isOpen ? '' : drafts.get(group.id).text.trim();
  const excerpt = (by: ComponentChildren, text: string) => [
    by && <bdi>{by}</bdi>,
    by && ': ',
    plainText(text.slice(0, 400)),
  ];
  if (waiting !== undefined) return excerpt(t.you, waiting.content);
  if (draft !== '') return excerpt(<b>{t.draft}</b>, draft);
  if (last === undefined) return t.noMessages;
  const sender = senderOf(last, group, me);
  return excerpt(sender, last.excerpt);
}

/** Returns the sender that a line of the list names. In a direct chat, the line already has the other user's name. */
function senderOf({ sender, sender_id }: LastMessage, group: Chat, me: User): string | undefined {
  if (sender_id === me.id) return chatTexts().you;
  return group.direct ? undefined : shownName(sender, sender_id);
}
