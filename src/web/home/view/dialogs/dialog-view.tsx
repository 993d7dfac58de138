import type { ComponentType } from 'preact';
import type { ChatState } from '../../model/chat-state.ts';
import { AccountDialog } from './account/account-dialog.tsx';
import { DeleteAccountDialog } from './account/delete-account-dialog.tsx';
import { DeleteGroupDialog, DeleteMessageDialog, LeaveDialog } from './confirm-dialogs.tsx';
import type { DialogProps, DialogState, GroupDialogProps } from './dialog-state.ts';
import { FindDialog } from './find-dialog.tsx';
import { GroupSettingsDialog } from './groups/group-settings-dialog.tsx';
import { MembersDialog } from './groups/members-dialog.tsx';
import { NewDirectDialog } from './groups/new-direct-dialog.tsx';
import { CreateNamedDialog, JoinGroupDialog, NewGroupDialog } from './groups/new-group-dialogs.tsx';
import { RemoveMemberDialog } from './groups/remove-member-dialog.tsx';
import { UseInvitationDialog } from './groups/use-invitation-dialog.tsx';
import { HelpDialog } from './help-dialog.tsx';
import { useKeptFocus } from './kept-focus.ts';
import { LinkDialog, ReactDialog } from './small-dialogs.tsx';

interface Props {
  chat: ChatState;
  dialog: DialogState;
  close: (dialog: DialogState) => void;
}

const general: Record<string, ComponentType<DialogProps>> = {
  'new-group': NewGroupDialog,
  'new-direct': NewDirectDialog,
  'join-group': JoinGroupDialog,
  'use-invitation': UseInvitationDialog,
  find: FindDialog,
  account: AccountDialog,
  'delete-account': DeleteAccountDialog,
  help: HelpDialog,
};

const ofGroup: Record<string, ComponentType<GroupDialogProps>> = {
  members: MembersDialog,
  'leave-group': LeaveDialog,
  'delete-group': DeleteGroupDialog,
  'group-settings': GroupSettingsDialog,
};

const keys = new WeakMap<DialogState, number>();
let opened = 0;

/** The open dialog. Each is created anew: the fields of an earlier one must not show in it. */
export function DialogView({ chat, dialog, close }: Props) {
  const key = keys.get(dialog) ?? ++opened;
  keys.set(dialog, key);
  useKeptFocus(key);
  const props = { chat, onClose: () => close(dialog) };
  if (dialog.kind === 'delete-message') return <DeleteMessageDialog key={key} {...props} {...dialog} />;
  if (dialog.kind === 'remove-member') return <RemoveMemberDialog key={key} {...props} {...dialog} />;
  if (dialog.kind === 'react') return <ReactDialog key={key} {...props} {...dialog} />;
  if (dialog.kind === 'create-named') return <CreateNamedDialog key={key} {...props} {...dialog} />;
  if (dialog.kind === 'link') return <LinkDialog key={key} {...props} address={dialog.address} />;
  if ('conversation' in dialog) {
    const GroupDialog = ofGroup[dialog.kind];
    return GroupDialog ? <GroupDialog key={key} {...props} conversation={dialog.conversation} /> : null;
  }
  const General = general[dialog.kind];
  return General ? <General key={key} {...props} /> : null;
}
