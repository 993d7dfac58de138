import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { groupHash } from '../model/location.ts';
import { useView } from './context.ts';
import { ByAuthMode } from './sign-in.tsx';

/** The list of groups, each with its last message and unread count. */
export function GroupsPane({ chat }: { chat: Chat }) {
  const { app, openDialog } = useView();
  const t = texts().chat;
  const { conversations, opened, isLoaded } = chat;
  return (
    <nav id="groups-pane" aria-labelledby="groups-title">
      <h2 id="groups-title">{t.groups}</h2>
      <ul id="groups">
        {conversations.map((conversation) => (
          <GroupLink key={conversation.group.id} conversation={conversation} isOpen={conversation === opened} />
        ))}
      </ul>
      {isLoaded && conversations.length === 0 && (
        <ByAuthMode auth={app.auth} class="hint" open={t.noGroupsOpen} token={t.noGroupsToken} />
      )}
      <div class="buttons">
        <button type="button" onClick={() => openDialog({ kind: 'new-group' })}>
          {t.newGroup}
        </button>
        {app.auth === 'open' && (
          <button type="button" class="secondary" onClick={() => openDialog({ kind: 'join-group' })}>
            {t.joinGroup}
          </button>
        )}
      </div>
    </nav>
  );
}

function GroupLink({ conversation, isOpen }: { conversation: Conversation; isOpen: boolean }) {
  const { group, newest, unread, loaded } = conversation;
  const t = texts().chat;
  const placeholder = loaded ? t.noMessages : '…';
  return (
    <li>
      <a href={groupHash(group.id)} aria-current={isOpen ? 'page' : undefined}>
        <span class="name" dir="auto">
          {group.name}
        </span>
        {unread > 0 && (
          <span class="unread" role="img" aria-label={t.unread(unread)}>
            {unread > 99 ? '99+' : unread}
          </span>
        )}
        <span class="preview" dir="auto">
          {newest === undefined ? placeholder : `${newest.sender}: ${newest.content}`}
        </span>
      </a>
    </li>
  );
}
