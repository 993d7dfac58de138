import { chatTexts } from '../../../i18n/texts.ts';
import type { Happening } from '../../model/messages/happenings.ts';
import { shownName } from '../../model/user-names.ts';

/** A line between the messages: who joined or left, or has another role. */
export function HappeningLine({ happening, me }: { happening: Happening; me: number }) {
  return (
    <li class="happening">
      <span dir="auto">{textOf(happening, me)}</span>
    </li>
  );
}

function textOf(happening: Happening, me: number): string {
  const t = chatTexts().happenings;
  if (happening.kind === 'renamed') return t.renamed(happening.name);
  const isMe = happening.userId === me;
  const name = shownName(happening.username, happening.userId);
  if (happening.kind === 'role') return isMe ? t.ownRole[happening.role] : t.role[happening.role](name);
  return isMe ? t.ownJoined : t[happening.kind](name);
}
