import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Chat, Member, MemberRole, User } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { ErrorLine } from '../../../../shared/error-line.tsx';
import { Modal } from '../../../../shared/modal.tsx';
import type { ChatState } from '../../../model/chat-state.ts';
import { shownName } from '../../../model/user-names.ts';
import { useView } from '../../context.ts';
import { GroupDescription } from '../../conversation/group-description.tsx';
import { OnlineDot } from '../../elements/online-dot.tsx';
import { useAttempt } from '../attempt.ts';
import type { GroupDialogProps } from '../dialog-state.ts';
import { PeoplePicker, type PickerHandle } from '../people/people-picker.tsx';

const ROLES: readonly MemberRole[] = ['owner', 'admin', 'member'];

/** Lists the members of a group with their roles, adds and removes users, and offers to leave the group. */
export function MembersDialog({ chat, onClose, conversation }: GroupDialogProps) {
  const { app, openDialog } = useView();
  const t = dialogTexts();
  const picker = useRef<PickerHandle>(null);
  const list = useRef<HTMLUListElement>(null);
  const { group } = conversation;
  const { id, name, members, role } = group;
  const { roles, listed, error, change } = useMembers(chat, group);
  const { signal } = chat;
  // The first control belongs to a member: a second Enter would press it.
  useLayoutEffect(() => list.current?.focus(), []);
  const leave = (
    <button type="button" class="secondary" onClick={() => openDialog({ kind: 'leave-group', conversation })}>
      {t.leaveGroup}
    </button>
  );
  return (
    <Modal title={t.membersOf(name)} buttons={leave} act={async () => picker.current?.isEmpty()} onClose={onClose}>
      <GroupDescription group={group} me={chat.me} />
      <ul class="members" ref={list} tabIndex={-1} aria-label={t.membersOf(name)}>
        {listed.map((member) => (
          <MemberLine
            key={member.id}
            member={member}
            isMe={member.id === chat.me.id}
            own={role}
            setRole={(role) => void change(() => app.client.groups.setRole(id, member.id, role, { signal }))}
            remove={() => openDialog({ kind: 'remove-member', conversation, member })}
          />
        ))}
        {roles.length === 0 && members.length < group.members_count && <li class="hint">…</li>}
      </ul>
      <PeoplePicker
        chat={chat}
        label={t.addMember}
        handle={picker}
        isExcluded={(user) => [...members, ...roles].some((member) => member.id === user.id)}
        choose={(user) => change(() => app.client.join(id, { userId: user.id, signal }))}
      />
      <ErrorLine error={error} />
    </Modal>
  );
}

/** Reads the roles of a group's members, and changes its members. Until the roles are known, some of the members are listed. */
function useMembers(chat: ChatState, { id, members }: Chat) {
  const { client } = useView().app;
  const { attempt, error } = useAttempt();
  const [roles, setRoles] = useState<readonly Member[]>([]);
  const readRoles = () => client.members(id, { signal: chat.signal }).then(setRoles, () => {});
  const listed: LineProps['member'][] = [...(roles.length > 0 ? roles : members)];
  listed.sort((one, other) => one.username.localeCompare(other.username));
  useEffect(() => void readRoles(), [members]);
  useEffect(() => {
    const ids = listed.map((member) => member.id);
    void chat.live.readMembers(id, ids);
  }, [listed.length]);
  const change = async (change: () => Promise<unknown>) => {
    await attempt(() => change().then(() => chat.groups.refresh()));
    await readRoles();
  };
  return { roles, listed, error, change };
}

interface LineProps {
  member: User & { role?: MemberRole };
  isMe: boolean;
  /** The user's own role. */
  own: MemberRole;
  setRole: (role: MemberRole) => void;
  remove: () => void;
}

function MemberLine({ member, isMe, own, setRole, remove }: LineProps) {
  const t = dialogTexts();
  const { role } = member;
  const username = shownName(member.username, member.id);
  const mayRemove = !isMe && own !== 'member' && (own === 'owner' || role === 'member');
  return (
    <li>
      <span class="name" dir="auto">
        {username} {isMe ? <span class="hint">({t.you})</span> : <OnlineDot userId={member.id} />}
      </span>
      {role !== undefined && own === 'owner' ? (
        <select
          aria-label={t.roleOf(username)}
          value={role}
          onChange={({ currentTarget }) => setRole(currentTarget.value as MemberRole)}
        >
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {t.roles[one]}
            </option>
          ))}
        </select>
      ) : (
        role !== undefined && role !== 'member' && <span class="hint">{t.roles[role]}</span>
      )}
      {mayRemove && (
        <button type="button" class="secondary small" aria-label={t.remove(username)} onClick={remove}>
          ×
        </button>
      )}
    </li>
  );
}
