/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import type { AuthMode, Member } from '../../../../client/index.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { nameOf } from '../../model/groups/group-names.ts';
import { plainText } from '../../model/text/plain-text.ts';
import { shownName } from '../../model/user-names.ts';
import { useView } from '../context.ts';
import type { GroupDialogProps } from './dialog-state.ts';
import { useMessageFocus } from './kept-focus.ts';
import { useUntilClosed } from './until-closed.ts';

/** Maximum length of a quoted message, in characters: more than three lines can show. */
const MAX_QUOTED = 300;

/** Asks before a user leaves a group. */
export function LeaveDialog({ chat, onClose, conversation }: GroupDialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const { id, direct, role, members_count: count } = conversation.group;
  const [members, setMembers] = useState<readonly Member[]>();
  const select = useRef<HTMLSelectElement>(null);
  useEffect(() => {
    if (role === 'owner') void app.client.members(id, { signal }).then(setMembers, () => {});
  }, [role]);
  const heirs = heirsOf(members ?? [], chat.me.id);
  const leave = async () => {
    if (role === 'owner' && members === undefined) {
      const known = await app.client.members(id, { signal });
      setMembers(known);
      // The user must choose a new owner first.
      if (heirsOf(known, chat.me.id).length > 0) return false;
    }
    const heir = Number(select.current?.value);
    if (heir > 0) await app.client.groups.setRole(id, heir, 'owner', { signal });
    await app.client.leave(id, { signal });
    await chat.groups.refresh();
    if (chat.openedId === id) location.hash = '';
    return true;
  };
  const name = nameOf(conversation.group, chat.me);
  const title = direct ? t.leaveDirectTitle(name) : t.leaveTitle(name);
  return (
    <Modal title={title} action={t.leave} act={leave} isDangerous onClose={onClose}>
      <p>{direct ? t.leaveDirectText : [t.leaveText, howToReturn(app.cluster.auth, count)].join(' ')}</p>
      {heirs.length > 0 && (
        <>
          <label for="new-owner">{t.newOwner}</label>
          <select id="new-owner" ref={select} aria-describedby="new-owner-hint">
            {heirs.map((member) => (
              <option key={member.id} value={member.id}>
                {shownName(member.username, member.id)}
                {member.role === 'admin' ? ` (${t.roles.admin})` : ''}
              </option>
            ))}
          </select>
          <p id="new-owner-hint" class="hint">
            {t.newOwnerHint}
          </p>
        </>
      )}
    </Modal>
  );
}

/** Returns how a user who has left a group can come back. It depends on how the nodes authenticate users. */
function howToReturn(auth: AuthMode | undefined, membersCount: number): string {
  const t = dialogTexts();
  if (auth === undefined) return '';
  if (auth === 'open') return t.leaveOpen;
  return membersCount === 1 ? t.leaveLast : t.leaveInvited;
}

/** Returns the members who may become owner when this user, the only owner, leaves: admins first. Empty if there is another owner. */
function heirsOf(members: readonly Member[], me: number): Member[] {
  const others = members.filter(({ id }) => id !== me);
  if (others.some(({ role }) => role === 'owner')) return [];
  const rank = ({ role }: Member) => Number(role !== 'admin');
  return others.sort((one, other) => rank(one) - rank(other) || one.username.localeCompare(other.username));
}

/** Asks before a group is deleted. */
export function DeleteGroupDialog({ chat, onClose, conversation }: GroupDialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const signal = useUntilClosed();
  const { id, name } = conversation.group;
  const remove = async () => {
    await app.client.groups.delete(id, { signal });
    await chat.groups.refresh();
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
  const { chat, conversation, messageId } = props;
  /** The message when the dialog was opened: it may disappear while the user reads this. */
  const [message] = useState(() => conversation.window.find(messageId));
  const signal = useUntilClosed();
  useMessageFocus(conversation, messageId);
  const remove = () => chat.changes.remove(conversation, messageId, signal);
  return (
    <Modal title={t.deleteTitle} action={t.delete} act={remove} isDangerous onClose={props.onClose}>
      {message !== undefined && (
        <blockquote class="quoted">
          <bdi class="quote-sender">
            {message.sender_id === chat.me.id ? t.you : shownName(message.sender, message.sender_id)}
          </bdi>
          <p dir="auto">{plainText(message.content).slice(0, MAX_QUOTED)}</p>
        </blockquote>
      )}
      <p>{conversation.group.direct ? t.deleteDirectText : t.deleteText}</p>
    </Modal>
  );
}
