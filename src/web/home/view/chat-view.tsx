/// <reference lib="dom" />
import { useLayoutEffect, useRef } from 'preact/hooks';
import { chatTexts } from '../../i18n/texts.ts';
import type { ChatState } from '../model/chat-state.ts';
import { ConversationView } from './conversation/conversation-view.tsx';
import { GroupsPane } from './groups-pane.tsx';
import { FirstChat } from './new-chat-buttons.tsx';

/** The two panes of a signed-in user: the groups, and the open one. */
export function ChatView({ chat }: { chat: ChatState }) {
  const { opened, openedId, groups } = chat;
  const t = chatTexts();
  const main = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    // The sign-in form, which had the focus, is gone. An open group moves the focus to its message field.
    if (document.activeElement === document.body) main.current?.focus();
  }, []);
  const isEmpty = groups.isLoaded && openedId === undefined && groups.all.length === 0;
  return (
    <main
      id="chat"
      ref={main}
      tabIndex={-1}
      class={isEmpty ? 'is-empty' : openedId === undefined ? '' : 'has-open-group'}
    >
      <GroupsPane chat={chat} />
      {opened !== undefined ? (
        <ConversationView key={opened.group.id} chat={chat} conversation={opened} />
      ) : groups.isListed && openedId !== undefined ? (
        <UnknownGroup />
      ) : isEmpty ? (
        <FirstChat />
      ) : (
        <p id="nothing-open" class="hint">
          {groups.isLoaded && openedId === undefined ? t.chooseGroup : t.loadingGroups}
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
