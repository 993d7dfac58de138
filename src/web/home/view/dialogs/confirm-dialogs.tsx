/// <reference lib="dom" />
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { nameOf } from '../../model/group-names.ts';
import { useView } from '../context.ts';
import type { GroupDialogProps } from './dialog-state.ts';

/** Asks before a user leaves a group. */
export function LeaveDialog({ chat, onClose, conversation }: GroupDialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const { id, direct } = conversation.group;
  const leave = async () => {
    await app.client.leave(id, { signal: chat.signal });
    await chat.refresh();
    if (chat.openedId === id) location.hash = '';
  };
  const name = nameOf(conversation.group, chat.me);
  const title = direct ? t.leaveDirectTitle(name) : t.leaveTitle(name);
  return (
    <Modal title={title} action={t.leave} act={leave} isDangerous onClose={onClose}>
      <p>{direct ? t.leaveDirectText : t.leaveText}</p>
    </Modal>
  );
}

/** Asks before a group is deleted. */
export function DeleteGroupDialog({ chat, onClose, conversation }: GroupDialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const { id, name } = conversation.group;
  const remove = async () => {
    await app.client.groups.delete(id, { signal: chat.signal });
    await chat.refresh();
    if (chat.openedId === id) location.hash = '';
  };
  return (
    <Modal title={t.deleteGroupTitle(name)} action={t.deleteGroup} act={remove} isDangerous onClose={onClose}>
      <p>{t.deleteGroupText}</p>
    </Modal>
  );
}

/** Asks before a message is deleted. */
export function DeleteMessageDialog(props: GroupDialogProps & { messageId: number }) {
  const t = dialogTexts();
  const remove = () => props.chat.changes.remove(props.conversation, props.messageId);
  return (
    <Modal title={t.deleteTitle} action={t.delete} act={remove} isDangerous onClose={props.onClose}>
      <p>{props.conversation.group.direct ? t.deleteDirectText : t.deleteText}</p>
    </Modal>
  );
}
