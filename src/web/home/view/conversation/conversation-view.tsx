/// <reference lib="dom" />
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Message } from '../../../../client/index.ts';
import { chatTexts, texts } from '../../../i18n/texts.ts';
import type { ChatState } from '../../model/chat-state.ts';
import { closedBy, nameOf, otherOf } from '../../model/groups/group-names.ts';
import { messageHash, pageAddressOf } from '../../model/location.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { useView, type View } from '../context.ts';
import { Icon, IconButton } from '../elements/icons.tsx';
import { Composer } from './composer/composer.tsx';
import { type ComposerMode, modeOf } from './composer/composer-mode.ts';
import { GroupDescription } from './group-description.tsx';
import type { MessageActions } from './message-actions.ts';
import { MessageList } from './message-list.tsx';
import { TypingLine } from './typing-line.tsx';

interface Props {
  chat: ChatState;
  conversation: Conversation;
}

/** The open group: its name, its messages, and the composer. */
export function ConversationView({ chat, conversation }: Props) {
  const view = useView();
  const list = useRef<MessageList>(null);
  const [mode, setMode] = useState<ComposerMode>(() => modeOf(chat.drafts.get(conversation.group.id)));
  const goTo = (messageId: number) => void show(view, chat, conversation, messageId, list.current);
  const actions = useMemo(() => actionsFor(view, chat, conversation, setMode, goTo), [conversation]);
  const { target } = view.app;
  const { group } = conversation;
  const closed = closedBy(group);
  useEffect(() => {
    if (target !== undefined && conversation.loaded) goTo(target);
  }, [target, conversation.loaded]);
  return (
    <section id="conversation" aria-labelledby="conversation-title">
      <ConversationHeader chat={chat} conversation={conversation} />
      <MessageList
        handle={list}
        chat={chat}
        conversation={conversation}
        actions={actions}
        isCutOff={view.app.cluster.isCutOff}
        isJumping={target !== undefined}
      />
      {closed !== undefined ? (
        <p class="hint archived">{texts().errors.byCode[closed]}</p>
      ) : (
        <>
          <TypingLine chat={chat} conversation={conversation} />
          <Composer
            chat={chat}
            conversation={conversation}
            mode={mode}
            setMode={setMode}
            onSend={() => list.current?.toEnd()}
          />
        </>
      )}
    </section>
  );
}

function ConversationHeader({ chat, conversation }: Props) {
  const { app, openDialog } = useView();
  const t = chatTexts();
  const { group } = conversation;
  const isOnline = app.isOnline(otherOf(group, chat.me)?.id);
  const name = nameOf(group, chat.me);
  const back = () => {
    location.hash = '';
  };
  return (
    <header>
      <IconButton id="back" icon="back" label={t.chats} onClick={back} />
      <div class="titles">
        <h2 id="conversation-title" title={name} dir="auto">
          {name}
        </h2>
        <GroupDescription group={group} me={chat.me} isBrief />
      </div>
      {isOnline && <span class="presence">{t.online}</span>}
      {!group.direct && (
        <button
          type="button"
          id="members"
          class="secondary"
          aria-label={t.members(group.members_count)}
          onClick={() => openDialog({ kind: 'members', conversation })}
        >
          <span class="wide">{t.members(group.members_count)}</span>
          <span class="narrow">
            <Icon name="person" /> {group.members_count}
          </span>
        </button>
      )}
      <IconButton
        icon="settings"
        label={group.direct ? t.chatSettings : t.groupSettings}
        onClick={() => openDialog({ kind: 'group-settings', conversation })}
      />
    </header>
  );
}

async function show(view: View, chat: ChatState, conversation: Conversation, id: number, list: MessageList | null) {
  try {
    const isFound = await chat.history.loadAround(conversation, id);
    if (isFound) list?.showMessage(id);
    else view.app.show(() => texts().errors.byCode.message_not_found ?? '');
  } catch (error) {
    view.app.failed(error);
  } finally {
    view.app.target = undefined;
    view.app.changed();
  }
}

function actionsFor(
  { app, openDialog }: View,
  chat: ChatState,
  conversation: Conversation,
  setMode: (mode: ComposerMode) => void,
  goTo: (messageId: number) => void,
): MessageActions {
  return {
    goTo,
    reply: (message) => setMode({ kind: 'reply', message }),
    edit: (message) => setMode({ kind: 'edit', message }),
    remove: ({ id }) => openDialog({ kind: 'delete-message', conversation, messageId: id }),
    chooseReaction: (message) => openDialog({ kind: 'react', conversation, message }),
    react: (message, emoji) =>
      void chat.changes.react(conversation, message, emoji).catch((error) => app.failed(error)),
    copyLink: ({ id }) => {
      const address = pageAddressOf(messageHash(conversation.group.id, id));
      navigator.clipboard?.writeText(address).then(
        () => app.show(() => chatTexts().linkCopied),
        () => openDialog({ kind: 'link', address }),
      ) ?? openDialog({ kind: 'link', address });
    },
    mayRemove: (message: Message) => message.sender_id === chat.me.id || conversation.group.role !== 'member',
  };
}
