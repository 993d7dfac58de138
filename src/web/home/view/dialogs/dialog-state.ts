import type { Message } from '../../../../client/index.ts';
import type { Chat } from '../../model/chat.ts';
import type { Conversation } from '../../model/conversation.ts';

/** A dialog that is open. */
export type DialogState =
  | { kind: 'new-group' | 'join-group' | 'find' | 'account' | 'delete-account' | 'help' }
  | { kind: 'members' | 'leave-group' | 'delete-group' | 'group-settings'; conversation: Conversation }
  | { kind: 'delete-message'; conversation: Conversation; messageId: number }
  | { kind: 'react'; conversation: Conversation; message: Message }
  | { kind: 'create-named'; name: string }
  | { kind: 'link'; address: string };

/** What every dialog gets. */
export interface DialogProps {
  chat: Chat;
  onClose: () => void;
}

/** What a dialog about a group gets. */
export interface GroupDialogProps extends DialogProps {
  conversation: Conversation;
}
