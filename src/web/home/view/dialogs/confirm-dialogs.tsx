import { texts } from '../../../i18n/texts.ts';
import type { Conversation } from '../../model/conversation.ts';
import { useView } from '../context.ts';
import { Modal } from '../modal.tsx';
import type { DialogProps } from './dialog-state.ts';

/** Asks before a user leaves a group. */
export function LeaveDialog({ chat, onClose, conversation }: DialogProps & { conversation: Conversation }) {
  const { app } = useView();
  const t = texts().chat;
  const { id, name } = conversation.group;
  const leave = async () => {
    await app.client.leave(id, { signal: chat.signal });
    await chat.refresh();
  };
  return (
    <Modal title={t.leaveTitle(name)} action={t.leave} act={leave} isDangerous onClose={onClose}>
      <p>{t.leaveText}</p>
    </Modal>
  );
}

/** Asks before a message is deleted. */
export function DeleteMessageDialog(props: DialogProps & { conversation: Conversation; messageId: number }) {
  const t = texts().chat;
  const remove = () => props.chat.remove(props.conversation, props.messageId);
  return (
    <Modal title={t.deleteTitle} action={t.delete} act={remove} isDangerous onClose={props.onClose}>
      <p>{t.deleteText}</p>
    </Modal>
  );
}
