/// <reference lib="dom" />
import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { ChatError, type User } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import type { Chat } from '../../../model/chat.ts';
import { groupHash } from '../../../model/location.ts';
import { useView, type View } from '../../context.ts';
import type { DialogProps } from '../dialog-state.ts';
import { HowToJoin } from './how-to-join.tsx';
import { PeoplePicker, type PickerHandle } from './people-picker.tsx';

/** Creates a group, which is then opened. */
export function NewGroupDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const name = useRef<HTMLInputElement>(null);
  const picker = useRef<PickerHandle>(null);
  const [chosen, setChosen] = useState<readonly User[]>([]);
  // The name in the field may be chosen by the submission, which must know of it.
  const latest = useRef(chosen);
  const choose = (users: readonly User[]) => {
    latest.current = users;
    setChosen(users);
  };
  const create = async () => {
    if ((await picker.current?.settle()) === false) return false;
    const usernames = latest.current.map(({ username }) => username);
    const created = await app.client.createChat(name.current?.value ?? '', usernames, { signal: chat.signal });
    await chat.refresh();
    if (created.warning !== undefined) app.show(() => dialogTexts().someNotAdded);
    location.hash = groupHash(created.group_id);
    return true;
  };
  const without = (user: User) => latest.current.filter(({ id }) => id !== user.id);
  return (
    <Modal title={t.newGroup} action={t.create} act={create} onClose={onClose}>
      <NameField field={name} isDescribed />
      <HowToJoin />
      <PeoplePicker
        chat={chat}
        label={t.addMembers}
        handle={picker}
        choosesOnBlur
        isExcluded={({ id }) => id === chat.me.id || chosen.some((user) => user.id === id)}
        choose={(user) => choose([...without(user), user])}
      >
        <ul class="people">
          {chosen.map((user) => (
            <li key={user.id} class="person">
              <bdi>{user.username}</bdi>{' '}
              <button
                type="button"
                class="secondary small"
                aria-label={t.remove(user.username)}
                onClick={() => choose(without(user))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      </PeoplePicker>
    </Modal>
  );
}

/** Joins a group by name, which is then opened. If there is none, asks whether to create it. */
export function JoinGroupDialog({ chat, onClose }: DialogProps) {
  const view = useView();
  const t = dialogTexts();
  const name = useRef<HTMLInputElement>(null);
  const join = async () => {
    const wanted = (name.current?.value ?? '').trim();
    try {
      await joinNamed(view, chat, wanted, false);
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'group_not_found') throw error;
      view.openDialog({ kind: 'create-named', name: wanted });
    }
  };
  return (
    <Modal title={t.joinGroup} action={t.join} act={join} onClose={onClose}>
      <NameField field={name} />
    </Modal>
  );
}

/** The user wanted to join a group that does not exist: asks whether to create it. */
export function CreateNamedDialog({ chat, onClose, name }: DialogProps & { name: string }) {
  const view = useView();
  const t = dialogTexts();
  return (
    <Modal
      title={t.createNamedTitle(name)}
      action={t.create}
      act={() => joinNamed(view, chat, name, true)}
      onClose={onClose}
    >
      <p>{t.createNamedText}</p>
      <HowToJoin />
    </Modal>
  );
}

async function joinNamed({ app }: View, chat: Chat, name: string, create: boolean): Promise<void> {
  await app.client.joinNamed(name, { create, signal: chat.signal });
  await chat.refresh();
  const joined = chat.conversations.find(({ group }) => group.name === name.normalize('NFC'));
  if (joined !== undefined) location.hash = groupHash(joined.group.id);
}

function NameField({ field, isDescribed }: { field: RefObject<HTMLInputElement | null>; isDescribed?: boolean }) {
  return (
    <>
      <label for="group-name">{dialogTexts().groupName}</label>
      <input
        id="group-name"
        ref={field}
        required
        maxLength={128}
        autocomplete="off"
        aria-describedby={isDescribed ? 'how-to-join' : undefined}
      />
    </>
  );
}
