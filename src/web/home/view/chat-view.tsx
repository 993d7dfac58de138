import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import { ConversationView } from './conversation-view.tsx';
import { GroupsPane } from './groups-pane.tsx';

/** The two panes of a signed-in user: the groups, and the open one. */
export function ChatView({ chat }: { chat: Chat }) {
  const { opened, conversations, isLoaded } = chat;
  return (
    <main id="chat" class={opened === undefined ? '' : 'has-open-group'}>
      <GroupsPane chat={chat} />
      {opened === undefined ? (
        <p id="nothing-open" class="hint">
          {nothingText(isLoaded, conversations.length)}
        </p>
      ) : (
        <ConversationView key={opened.group.id} chat={chat} conversation={opened} />
      )}
    </main>
  );
}

function nothingText(isLoaded: boolean, groups: number): string {
  const t = texts().chat;
  if (!isLoaded) return t.loadingGroups;
  return groups === 0 ? t.nothingYet : t.chooseGroup;
}
