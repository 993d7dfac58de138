/// <reference lib="dom" />
import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { User } from '../../../../client/index.ts';
import { texts } from '../../../i18n/texts.ts';
import { groupHash } from '../../model/location.ts';
import { useView } from '../context.ts';
import { Modal } from '../modal.tsx';
import { PeoplePicker } from '../people-picker.tsx';
import type { DialogProps } from './dialog-state.ts';

/** Creates a group, which is then opened. */
export function NewGroupDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = texts().chat;
  const name = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState<User[]>([]);
  const create = async () => {
    const usernames = chosen.map(({ username }) => username);
    const created = await app.client.createChat(name.current?.value ?? '', usernames, { signal: chat.signal });
    await chat.refresh();
    if (created.warning !== undefined) app.show({ text: t.someNotAdded, tone: 'info' });
    location.hash = groupHash(created.group_id);
  };
  const without = (user: User) => chosen.filter(({ id }) => id !== user.id);
  return (
    <Modal title={t.newGroup} action={t.create} act={create} onClose={onClose}>
      <NameField field={name} />
      <PeoplePicker
        chat={chat}
        label={t.addMembers}
        isExcluded={({ id }) => id === chat.me.id || chosen.some((user) => user.id === id)}
        choose={(user) => setChosen([...without(user), user])}
      >
        <ul class="people">
          {chosen.map((user) => (
            <li key={user.id} class="person">
              {user.username}{' '}
              <button
                type="button"
                class="secondary small"
                aria-label={t.remove(user.username)}
                onClick={() => setChosen(without(user))}
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

/** Joins a group by name, which is then opened. */
export function JoinGroupDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = texts().chat;
  const name = useRef<HTMLInputElement>(null);
  const join = async () => {
    const wanted = (name.current?.value ?? '').trim();
    await app.client.joinNamed(wanted, { signal: chat.signal });
    await chat.refresh();
    const joined = chat.conversations.find(({ group }) => group.name === wanted);
    if (joined !== undefined) location.hash = groupHash(joined.group.id);
  };
  return (
    <Modal title={t.joinGroup} action={t.join} act={join} onClose={onClose}>
      <NameField field={name} />
      <p class="hint">{t.joinHint}</p>
    </Modal>
  );
}

function NameField({ field }: { field: RefObject<HTMLInputElement | null> }) {
  return (
    <>
      <label for="group-name">{texts().chat.groupName}</label>
      <input id="group-name" ref={field} required maxLength={128} autocomplete="off" />
    </>
  );
}
