import { useEffect, useState } from 'preact/hooks';
import type { Message } from '../../../client/index.ts';
import { chatTexts } from '../../i18n/texts.ts';
import { plainText } from '../model/text/plain-text.ts';
import { shownName } from '../model/user-names.ts';
import { useView } from './context.ts';

/** Messages that arrive within this time are announced together. */
const BURST_MS = 1500;
/**
 * How long an announcement stays in the page, in milliseconds. If it stayed longer, a user who moves through the page with a screen
 * reader would hear it again, as if it were a second message.
 */
const STAYS_MS = 5000;

/** Announces new messages of the open group to screen readers. */
export function Announcer() {
  const { app } = useView();
  const [said, setSaid] = useState('');
  useEffect(() => {
    let arrived: Message[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    app.announce = (message, conversation) => {
      if (conversation !== app.chat?.opened) return;
      arrived.push(message);
      timer ??= setTimeout(() => {
        timer = undefined;
        const [first] = arrived;
        const t = chatTexts();
        setSaid(
          first && arrived.length === 1
            ? `${shownName(first.sender, first.sender_id)}: ${plainText(first.content)}`
            : t.newMessages(arrived.length),
        );
        arrived = [];
      }, BURST_MS);
    };
    return () => {
      clearTimeout(timer);
      app.announce = () => {};
    };
  }, [app]);
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => setSaid(''), STAYS_MS);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <p role="log" class="visually-hidden" aria-label={chatTexts().announcements}>
      {said}
    </p>
  );
}
