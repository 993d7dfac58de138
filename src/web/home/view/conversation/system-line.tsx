import type { User } from '../../../../client/index.ts';
import { namesAndOthers } from '../../../i18n/name-list.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import type { SystemMessage } from '../../model/text/system-messages.ts';
import { shownName } from '../../model/user-names.ts';

/** Maximum number of names in a line. */
const MAX_NAMES = 3;

/** A line between the messages about a change of the group: members joined, left or got another role, or a setting changed. */
export function SystemLine({ systemMessage, me }: { systemMessage: SystemMessage; me: number }) {
  return (
    <li class="system-line">
      <span dir="auto">{textOf(systemMessage, me)}</span>
    </li>
  );
}

function textOf(systemMessage: SystemMessage, me: number): string {
  const t = chatTexts();
  const texts = t.systemMessages;
  const { actor } = systemMessage;
  const nameOf = ({ id, username }: User, own: string) => (id === me ? own : shownName(username, id));
  const by = actor && nameOf(actor, t.you);
  if (!('users' in systemMessage)) {
    return systemMessage.kind === 'renamed' ? texts.renamed(systemMessage.name, by) : texts[systemMessage.kind](by);
  }
  const { users } = systemMessage;
  const isMe = users[0]?.id === me;
  const names = (own: string) => {
    const [first = '', ...more] = users.map((user) => nameOf(user, own));
    if (more.length === 0) return first;
    return namesAndOthers([first, ...more], users.length, { max: MAX_NAMES, others: t.moreUsers });
  };
  if (systemMessage.kind === 'created') return texts.created(names(t.you));
  if (systemMessage.kind === 'role') {
    const role = texts.roles[systemMessage.role];
    return by === undefined || actor?.id === users[0]?.id
      ? texts.role(names(t.you), role, isMe)
      : texts.madeRole(by, names(texts.youToo), role);
  }
  if (by !== undefined && actor?.id !== users[0]?.id) {
    return texts[systemMessage.kind === 'joined' ? 'added' : 'removed'](by, names(texts.youToo));
  }
  return texts[systemMessage.kind](names(t.you), users.length);
}
