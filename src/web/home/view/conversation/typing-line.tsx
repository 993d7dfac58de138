import { useEffect, useRef, useState } from 'preact/hooks';
import { namesAndOthers } from '../../../i18n/name-list.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import type { ChatState } from '../../model/chat-state.ts';
import type { Conversation } from '../../model/messages/conversation.ts';

/** Maximum number of names in the sentence. The others are counted. */
const MAX_NAMES = 2;
/** Shortest interval at which screen readers announce the typing of others, in milliseconds. */
const ANNOUNCE_EVERY_MS = 20_000;

/**
 * The line above the composer: which other members are typing, or that the other user of a direct chat has left it. It keeps its
 * height, so that nothing moves.
 */
export function TypingLine({ chat, conversation }: { chat: ChatState; conversation: Conversation }) {
  const { direct, members_count } = conversation.group;
  const text = direct && members_count < 2 ? chatTexts().otherHasLeft : typingText(chat, conversation);
  const announced = useAnnouncement(text);
  return (
    <div id="typing">
      <span aria-hidden="true">{text}</span>
      <span role="status" class="visually-hidden">
        {announced}
      </span>
    </div>
  );
}

function typingText(chat: ChatState, conversation: Conversation): string {
  const t = chatTexts();
  const { names, others } = chat.live.typingIn(conversation);
  const count = names.length + others;
  if (count === 0) return '';
  if (names.length === 0) return t.typing(t.someoneTyping(count), count);
  return t.typing(namesAndOthers(names, count, { max: MAX_NAMES, others: t.moreUsers }), count);
}

/** Returns the text for screen readers: it changes when typing begins, and not while more users start and stop. */
function useAnnouncement(text: string): string {
  const [said, setSaid] = useState('');
  const saidAt = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const isDue = performance.now() - saidAt.current >= ANNOUNCE_EVERY_MS;
    if (text !== '' && !isDue) return;
    if (text !== '') saidAt.current = performance.now();
    setSaid(text);
  }, [text]);
  return said;
}
