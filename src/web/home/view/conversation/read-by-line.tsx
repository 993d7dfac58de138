import type { User } from '../../../../client/index.ts';
import { namesAndOthers } from '../../../i18n/name-list.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { shownName } from '../../model/user-names.ts';

/** Maximum number of names in the line. The others are counted. */
const MAX_NAMES = 3;

/** The members who have read up to the message above, if the group shows that. */
export function ReadByLine({ readers, conversation, isOwn }: Props) {
  return (
    <li class={isOwn ? 'read-by own' : 'read-by'}>
      <span aria-hidden="true">✓</span> {readByText(readers, conversation)}
    </li>
  );
}

interface Props {
  readers: readonly User[];
  conversation: Conversation;
  /** True if the message above is the user's own. */
  isOwn: boolean;
}

function readByText(readers: readonly User[], { group }: Conversation): string {
  const t = chatTexts();
  const haveAllRead = readers.length > 1 && readers.length === group.members_count - 1;
  if (haveAllRead) return t.readByAll;
  const names = readers.map(({ id, username }) => shownName(username, id));
  return t.readBy(namesAndOthers(names, names.length, { max: MAX_NAMES, others: t.moreUsers }));
}
