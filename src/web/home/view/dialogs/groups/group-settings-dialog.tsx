/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import { useView } from '../../context.ts';
import { GroupDescription } from '../../conversation/group-description.tsx';
import type { GroupDialogProps } from '../dialog-state.ts';
import { useUntilClosed } from '../until-closed.ts';
import { type GroupFields, groupChanges } from './group-changes.ts';
import { HowToJoin } from './how-to-join.tsx';
import { Invitations } from './invitations.tsx';

/** The settings of a group: for every member mute and leave; for owners and admins name, description, invitation, read receipts and archive. */
export function GroupSettingsDialog(props: GroupDialogProps) {
  const { chat, onClose, conversation } = props;
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const name = useRef<HTMLInputElement>(null);
  const description = useRef<HTMLTextAreaElement>(null);
  const { group } = conversation;
  const mayChange = !group.direct && group.role !== 'member';
  const mute = useRef<HTMLInputElement>(null);
  const showsReads = useRef<HTMLInputElement>(null);
  const archived = useRef<HTMLInputElement>(null);
  // Changes that others make meanwhile stay out of the form: it would send them back as its own.
  const [opened] = useState<GroupFields>(() => ({
    name: group.name,
    description: group.description,
    showsReads: group.shows_reads,
    archived: group.archived,
  }));
  // The only place that changes anything, so that Cancel leaves everything as it was.
  const save = async () => {
    // A setting of this device: it needs no node.
    app.mute(group.id, mute.current?.checked === true);
    const change = groupChanges(opened, {
      name: name.current?.value ?? opened.name,
      description: description.current?.value ?? opened.description,
      showsReads: showsReads.current?.checked ?? opened.showsReads,
      archived: archived.current?.checked ?? opened.archived,
    });
    if (change === undefined) return;
    await app.client.groups.change(group.id, change, { signal });
    await chat.refresh();
  };
  const title = group.direct ? t.chatSettings : t.settingsOf(group.name);
  return (
    <Modal title={title} action={t.save} act={save} onClose={onClose}>
      <Switch label={t.mute} isOn={app.mutes.has(group.id)} handle={mute} />
      {mayChange ? (
        <>
          <label for="group-name">{t.groupName}</label>
          <input
            id="group-name"
            ref={name}
            required
            maxLength={128}
            autocomplete="off"
            aria-describedby="how-to-join"
            defaultValue={opened.name}
          />
          <HowToJoin />
          <label for="group-description">{t.description}</label>
          <textarea
            id="group-description"
            ref={description}
            maxLength={1024}
            rows={2}
            defaultValue={opened.description}
          />
          <Invitations {...props} />
          <Switch label={t.showReads} isOn={opened.showsReads} handle={showsReads} />
          <Switch label={t.archive} isOn={opened.archived} handle={archived} />
        </>
      ) : (
        <>
          <GroupDescription group={group} me={chat.me} />
          {!group.direct && <HowToJoin />}
          {group.shows_reads && <p class="hint">{t.showsReads}</p>}
        </>
      )}
      <EndButtons conversation={conversation} />
    </Modal>
  );
}

/** The buttons that leave or delete the group. */
function EndButtons({ conversation }: Pick<GroupDialogProps, 'conversation'>) {
  const { openDialog } = useView();
  const t = dialogTexts();
  const { group } = conversation;
  return (
    <div class="buttons">
      <button type="button" class="secondary" onClick={() => openDialog({ kind: 'leave-group', conversation })}>
        {group.direct ? t.leaveDirect : t.leaveGroup}
      </button>
      {!group.direct && group.role === 'owner' && (
        <button
          type="button"
          class="secondary danger"
          onClick={() => openDialog({ kind: 'delete-group', conversation })}
        >
          {t.deleteGroup}
        </button>
      )}
    </div>
  );
}

interface SwitchProps {
  label: string;
  isOn: boolean;
  handle: { current: HTMLInputElement | null };
}

/** A property that is changed when the dialog is saved. */
function Switch({ label, isOn, handle }: SwitchProps) {
  return (
    <label class="switch">
      <input type="checkbox" ref={handle} defaultChecked={isOn} /> {label}
    </label>
  );
}
