import { chatTexts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import { ConversationView } from './conversation/conversation-view.tsx';
import { GroupsPane } from './groups-pane.tsx';

/** The two panes of a signed-in user: the groups, and the open one. */
export function ChatView({ chat }: { chat: Chat }) {
  const { opened, openedId, isListed } = chat;
  return (
    <main id="chat" class={openedId === undefined ? '' : 'has-open-group'}>
      <GroupsPane chat={chat} />
      {opened !== undefined ? (
        <ConversationView key={opened.group.id} chat={chat} conversation={opened} />
      ) : isListed && openedId !== undefined ? (
        <UnknownGroup />
      ) : (
        <p id="nothing-open" class="hint">
          {nothingText(chat)}
        </p>
      )}
    </main>
  );
}

/** Shown for a link to a group that the user is not in. */
function UnknownGroup() {
  const t = chatTexts();
  return (
    <div id="nothing-open" class="unknown">
      <p>{t.unknownGroup}</p>
      <p>
        <a href="#groups">{t.toGroups}</a>
      </p>
    </div>
  );
}

function nothingText({ isLoaded, openedId, conversations }: Chat): string {
  const t = chatTexts();
  if (!isLoaded || openedId !== undefined) return t.loadingGroups;
  return conversations.length === 0 ? t.nothingYet : t.chooseGroup;
}
