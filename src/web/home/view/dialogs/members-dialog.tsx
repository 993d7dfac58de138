import { useState } from 'preact/hooks';
import type { User } from '../../../../client/index.ts';
import { errorText } from '../../../i18n/error-text.ts';
import { texts } from '../../../i18n/texts.ts';
import type { Conversation } from '../../model/conversation.ts';
import { useView } from '../context.ts';
import { Modal } from '../modal.tsx';
import { PeoplePicker } from '../people-picker.tsx';
import type { DialogProps } from './dialog-state.ts';

/** Lists the members of a group, adds users, and offers to leave the group. */
export function MembersDialog({ chat, onClose, conversation }: DialogProps & { conversation: Conversation }) {
  const { app, openDialog } = useView();
  const t = texts().chat;
  const [error, setError] = useState('');
  const { id, name, members } = conversation.group;
  const add = async (user: User) => {
    setError('');
    try {
      await app.client.join(id, { userId: user.id, signal: chat.signal });
      await chat.refresh();
    } catch (error) {
      setError(errorText(error));
    }
  };
  const leave = (
    <button type="button" class="secondary" onClick={() => openDialog({ kind: 'leave-group', conversation })}>
      {t.leaveGroup}
    </button>
  );
  return (
    <Modal title={t.membersOf(name)} buttons={leave} onClose={onClose}>
      <ul class="people">
        {members.map((member) => (
          <li key={member.id} class="person" dir="auto">
            {member.username}
          </li>
        ))}
      </ul>
      <PeoplePicker
        chat={chat}
        label={t.addMember}
        isExcluded={(user) => members.some((member) => member.id === user.id)}
        choose={(user) => void add(user)}
      />
      <p class="error" role="alert">
        {error}
      </p>
    </Modal>
  );
}
