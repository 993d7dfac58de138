import type { Chat } from '../../model/chat.ts';
import { DeleteMessageDialog, LeaveDialog } from './confirm-dialogs.tsx';
import type { DialogState } from './dialog-state.ts';
import { MembersDialog } from './members-dialog.tsx';
import { JoinGroupDialog, NewGroupDialog } from './new-group-dialogs.tsx';

interface Props {
  chat: Chat;
  dialog: DialogState;
  close: (dialog: DialogState) => void;
}

const keys = new WeakMap<DialogState, number>();
let opened = 0;

/** The open dialog. Each is created anew: the fields of an earlier one must not show in it. */
export function DialogView({ chat, dialog, close }: Props) {
  const key = keys.get(dialog) ?? ++opened;
  keys.set(dialog, key);
  const props = { chat, onClose: () => close(dialog) };
  switch (dialog.kind) {
    case 'new-group':
      return <NewGroupDialog key={key} {...props} />;
    case 'join-group':
      return <JoinGroupDialog key={key} {...props} />;
    case 'members':
      return <MembersDialog key={key} {...props} conversation={dialog.conversation} />;
    case 'leave-group':
      return <LeaveDialog key={key} {...props} conversation={dialog.conversation} />;
    case 'delete-message':
      return <DeleteMessageDialog key={key} {...props} {...dialog} />;
  }
}
