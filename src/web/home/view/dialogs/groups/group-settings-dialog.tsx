/// <reference lib="dom" />
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Modal } from '../../../../shared/modal.tsx';
import { useView } from '../../context.ts';
import { GroupDescription } from '../../conversation/group-description.tsx';
import { Switch } from '../../elements/switch.tsx';
import type { GroupDialogProps } from '../dialog-state.ts';
import { useUntilClosed } from '../until-closed.ts';
import { GroupForm, useGroupForm } from './group-form.tsx';
import { HowToJoin } from './how-to-join.tsx';

/**
 * The settings of a group: for every member mute and leave; for owners and admins name, description, invitation, read receipts and
 * archive, which are changed together. Mute is a setting of this device: it acts at once, and needs no node.
 */
export function GroupSettingsDialog(props: GroupDialogProps) {
  const { chat, onClose, conversation } = props;
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const { group } = conversation;
  const mayChange = !group.direct && group.role !== 'member';
  const form = useGroupForm(group);
  const save = async () => {
    const change = form.changes();
    if (change === undefined) return;
    await app.client.groups.change(group.id, change, { signal });
    await chat.groups.refresh();
  };
  const title = group.direct ? t.chatSettings : t.settingsOf(group.name);
  return (
    <Modal title={title} {...(mayChange && { action: t.save, act: save })} onClose={onClose}>
      <Switch label={t.mute} checked={app.mutes.has(group.id)} onSwitch={(isOn) => app.mute(group.id, isOn)} />
      {mayChange ? (
        <GroupForm {...props} form={form} />
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
