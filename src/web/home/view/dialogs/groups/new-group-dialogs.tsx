/// <reference lib="dom" />
import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { ChatError, similarNameOf, type User } from '../../../../../client/index.ts';
import { foldedName } from '../../../../../text/folded-name.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import type { ChatState } from '../../../model/chat-state.ts';
import { groupHash } from '../../../model/location.ts';
import { useView, type View } from '../../context.ts';
import type { DialogProps } from '../dialog-state.ts';
import { PeoplePicker, type PickerHandle } from '../people/people-picker.tsx';
import { useUntilClosed } from '../until-closed.ts';
import { HowToJoin } from './how-to-join.tsx';

/** Creates a group, which is then opened. */
export function NewGroupDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const name = useRef<HTMLInputElement>(null);
  const picker = useRef<PickerHandle>(null);
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<readonly User[]>([]);
  // A submission may first choose the name in the field, and must see that choice.
  const latest = useRef(chosen);
  const choose = (users: readonly User[]) => {
    latest.current = users;
    setChosen(users);
  };
  const create = async () => {
    if ((await picker.current?.settle()) === false) return false;
    const usernames = latest.current.map(({ username }) => username);
    const created = await app.client.createChat(name.current?.value ?? '', usernames, { signal });
    await chat.groups.refresh();
    if (created.warning !== undefined) app.show(() => dialogTexts().someNotAdded);
    location.hash = groupHash(created.group_id);
    return true;
  };
  const without = (user: User) => latest.current.filter(({ id }) => id !== user.id);
  return (
    <Modal title={t.newGroup} action={t.create} act={create} onClose={onClose}>
      <NameField field={name} isDescribed onInput={setTyped} />
      <OwnGroup chat={chat} name={typed} onClose={onClose} />
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
            <ChosenPerson key={user.id} user={user} remove={() => choose(without(user))} />
          ))}
        </ul>
      </PeoplePicker>
    </Modal>
  );
}

function ChosenPerson({ user, remove }: { user: User; remove: () => void }) {
  return (
    <li class="person">
      <bdi>{user.username}</bdi>{' '}
      <button type="button" class="secondary small" aria-label={dialogTexts().remove(user.username)} onClick={remove}>
        ×
      </button>
    </li>
  );
}

/** Joins a group by name, which is then opened. If there is none, asks whether to create it. */
export function JoinGroupDialog({ chat, onClose }: DialogProps) {
  const view = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const name = useRef<HTMLInputElement>(null);
  const join = async () => {
    const wanted = (name.current?.value ?? '').trim();
    try {
      await joinNamed(view, chat, wanted, { create: false, signal });
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'group_not_found') throw error;
      view.openDialog({ kind: 'create-named', name: wanted, similar: similarNameOf(error) });
    }
  };
  return (
    <Modal title={t.joinGroup} action={t.join} act={join} onClose={onClose}>
      <NameField field={name} />
    </Modal>
  );
}

interface CreateNamedProps extends DialogProps {
  name: string;
  /** The name of a group that differs in case or accents only, if there is one. */
  similar: string | undefined;
}

/** Asks whether to create the group that the user wanted to join and that does not exist, or to join the one of a similar name. */
export function CreateNamedDialog({ chat, onClose, name, similar }: CreateNamedProps) {
  const view = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  if (similar === undefined) {
    return (
      <Modal
        title={t.createNamedTitle(name)}
        action={t.create}
        act={() => joinNamed(view, chat, name, { create: true, signal })}
        onClose={onClose}
      >
        <p>{t.createNamedText}</p>
        <HowToJoin />
      </Modal>
    );
  }
  const create = () => {
    onClose();
    joinNamed(view, chat, name, { create: true, signal: chat.signal }).catch((error) => view.app.failed(error));
  };
  return (
    <Modal
      title={t.similarTitle(similar)}
      action={t.join}
      act={() => joinNamed(view, chat, similar, { create: false, signal })}
      buttons={
        <button type="button" class="secondary" onClick={create}>
          {t.createAnyway}
        </button>
      }
      onClose={onClose}
    >
      <p>{t.similarText(name)}</p>
    </Modal>
  );
}

interface JoinOptions {
  create: boolean;
  signal: AbortSignal;
}

async function joinNamed({ app }: View, chat: ChatState, name: string, options: JoinOptions): Promise<void> {
  await app.client.joinNamed(name, options);
  await chat.groups.refresh();
  const joined = chat.groups.sorted.find(({ group }) => group.name === name.normalize('NFC'));
  if (joined !== undefined) location.hash = groupHash(joined.group.id);
}

/** Links to the user's own group of that name, if there is one. Ignores case and accents. */
function OwnGroup({ chat, name, onClose }: DialogProps & { name: string }) {
  const wanted = foldedName(name.trim());
  const twin = chat.groups.sorted.find(({ group }) => !group.direct && foldedName(group.name) === wanted)?.group;
  return (
    <p class="hint" role="status">
      {twin !== undefined && wanted !== '' && (
        <a href={groupHash(twin.id)} onClick={onClose}>
          {dialogTexts().ownGroup(twin.name)}
        </a>
      )}
    </p>
  );
}

interface NameFieldProps {
  field: RefObject<HTMLInputElement | null>;
  isDescribed?: boolean;
  onInput?: (name: string) => void;
}

function NameField({ field, isDescribed, onInput }: NameFieldProps) {
  return (
    <>
      <label for="group-name">{dialogTexts().groupName}</label>
      <input
        id="group-name"
        ref={field}
        required
        maxLength={128}
        autocomplete="off"
        onInput={({ currentTarget }) => onInput?.(currentTarget.value)}
        aria-describedby={isDescribed ? 'how-to-join' : undefined}
      />
    </>
  );
}
