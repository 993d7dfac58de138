/// <reference lib="dom" />
import { useRef } from 'preact/hooks';
import type { ChatClient } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import type { ChatState } from '../../../model/chat-state.ts';
import { groupHash } from '../../../model/location.ts';
import { useView } from '../../context.ts';
import type { DialogProps } from '../dialog-state.ts';
import { PeoplePicker, type PickerHandle } from '../people/people-picker.tsx';
import { useUntilClosed } from '../until-closed.ts';

/** Finds a person, and opens the direct chat with them. */
export function NewDirectDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const picker = useRef<PickerHandle>(null);
  return (
    <Modal title={t.newDirect} action={t.openDirect} act={async () => picker.current?.settle()} onClose={onClose}>
      <p class="hint">{t.directHint}</p>
      <PeoplePicker
        chat={chat}
        label={t.writeToWhom}
        handle={picker}
        isExcluded={({ id }) => id === chat.me.id}
        choose={async ({ id }) => {
          await openDirect(app.client, chat, id, signal);
          onClose();
        }}
      />
    </Modal>
  );
}

/** Opens the direct chat with a user. */
export async function openDirect(
  client: ChatClient,
  chat: ChatState,
  userId: number,
  signal = chat.signal,
): Promise<void> {
  const { group_id } = await client.openDirect(userId, { signal });
  await chat.groups.refresh();
  location.hash = groupHash(group_id);
}
