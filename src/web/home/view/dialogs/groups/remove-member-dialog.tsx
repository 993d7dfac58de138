import type { User } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import { shownName } from '../../../model/user-names.ts';
import { useView } from '../../context.ts';
import type { GroupDialogProps } from '../dialog-state.ts';
import { useUntilClosed } from '../until-closed.ts';

type Props = Omit<GroupDialogProps, 'onClose'> & { member: User };

/** Asks before a member is removed from a group, and returns to the list of members. */
export function RemoveMemberDialog({ chat, conversation, member }: Props) {
  const { app, openDialog } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const { id, name } = conversation.group;
  const remove = async () => {
    await app.client.leave(id, { userId: member.id, signal });
    await chat.groups.refresh();
  };
  const back = () => openDialog({ kind: 'members', conversation });
  const title = t.removeTitle(shownName(member.username, member.id), name);
  return (
    <Modal title={title} action={t.removeMember} act={remove} isDangerous onClose={back}>
      <p>{t.removeText}</p>
    </Modal>
  );
}
