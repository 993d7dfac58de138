import type { Message } from '../../../../client/index.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { plainText } from '../../model/text/plain-text.ts';
import { IconButton } from '../elements/icons.tsx';
import type { MessageActions } from './message-actions.ts';

/** The buttons of the message that is hovered or has the focus. */
export function MessageTools(props: { message: Message; isOwn: boolean; mayWrite: boolean; actions: MessageActions }) {
  const { message, isOwn, mayWrite, actions } = props;
  const t = chatTexts();
  const excerpt = plainText(message.content).slice(0, 40);
  const remove = isOwn ? t.deleteOwn(excerpt) : t.deleteOther(excerpt);
  return (
    <div class="tools" role="toolbar" aria-label={t.tools}>
      <IconButton icon="react" label={t.react} onClick={() => actions.chooseReaction(message)} />
      {mayWrite && <IconButton icon="reply" label={t.reply} onClick={() => actions.reply(message)} />}
      {mayWrite && isOwn && <IconButton icon="edit" label={t.edit} onClick={() => actions.edit(message)} />}
      <IconButton icon="link" label={t.copyLink} onClick={() => actions.copyLink(message)} />
      {actions.mayRemove(message) && (
        <IconButton icon="delete" label={remove} onClick={() => actions.remove(message)} />
      )}
    </div>
  );
}
