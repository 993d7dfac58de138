import { foldedName } from '../../../../text/folded-name.ts';
import { chatTexts, texts } from '../../../i18n/texts.ts';
import type { ChatState } from '../../model/chat-state.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import type { PendingMessage } from '../../model/messages/pending-messages.ts';
import { plainText } from '../../model/text/plain-text.ts';
import { shownName } from '../../model/user-names.ts';
import { useView } from '../context.ts';
import { MessageText } from './message-text.tsx';

interface Props {
  pending: PendingMessage;
  chat: ChatState;
  conversation: Conversation;
  names: ReadonlySet<string>;
}

/** A message that is being sent, or that a node refused. */
export function PendingLine({ chat, conversation, names, pending: { key, content, replyTo, state, code } }: Props) {
  const { app } = useView();
  const t = chatTexts();
  // The current text, if that message is loaded.
  const excerpt = conversation.window.find(replyTo?.id ?? 0)?.content.slice(0, 200) ?? replyTo?.excerpt;
  const sending = app.cluster.waitsFor === undefined ? t.sending : t.waitsFor[app.cluster.waitsFor];
  const { byCode, refused } = texts().errors;
  const reason = code === undefined ? undefined : Object.hasOwn(byCode, code) ? byCode[code] : refused;
  return (
    <li class={`message own first ${state}`}>
      <div class="sender">{t.you}</div>
      {excerpt !== undefined && (
        <div class="quote" dir="auto">
          <bdi class="quote-sender">{shownName(replyTo?.sender ?? '')}</bdi> {plainText(excerpt)}
        </div>
      )}
      <div class="body">
        <div class="content" dir="auto">
          <MessageText text={content} names={names} own={foldedName(chat.me.username)} />
        </div>
        <span class="foot">{state === 'sending' ? sending : t.notSent}</span>
      </div>
      {state === 'failed' && (
        <div class="failure">
          <span>{reason}</span>
          <button type="button" class="secondary small" onClick={() => void chat.outbox.retry(conversation, key)}>
            {t.retry}
          </button>
          <button type="button" class="secondary small" onClick={() => chat.outbox.discard(conversation, key)}>
            {t.discard}
          </button>
        </div>
      )}
    </li>
  );
}
