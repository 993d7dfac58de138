import type { Chat, User } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import { MessageText } from './message-text.tsx';

/** The description of a group, formatted as messages are. With `isBrief`, its first line. */
export function GroupDescription(props: { group: Chat; me: User; isBrief?: boolean }) {
  const { group, me, isBrief = false } = props;
  if (group.description === '') return null;
  const names = new Set(group.members.map(({ username }) => foldedName(username)));
  return (
    <div class={isBrief ? 'description content brief' : 'description content'} dir="auto">
      <MessageText text={group.description} names={names} own={foldedName(me.username)} />
    </div>
  );
}
