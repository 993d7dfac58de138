import { chatTexts } from '../../../i18n/texts.ts';
import type { SystemMessage } from '../../model/text/system-messages.ts';
import { shownName } from '../../model/user-names.ts';

/** A system message between the messages: who joined or left, or has another role. */
export function SystemLine({ systemMessage, me }: { systemMessage: SystemMessage; me: number }) {
  return (
    <li class="system-line">
      <span dir="auto">{textOf(systemMessage, me)}</span>
    </li>
  );
}

function textOf(systemMessage: SystemMessage, me: number): string {
  const t = chatTexts().systemMessages;
  if (systemMessage.kind === 'renamed') return t.renamed(systemMessage.name);
  const isMe = systemMessage.userId === me;
  const name = shownName(systemMessage.username, systemMessage.userId);
  if (systemMessage.kind === 'role') return isMe ? t.ownRole[systemMessage.role] : t.role[systemMessage.role](name);
  return isMe ? t.ownJoined : t[systemMessage.kind](name);
}
