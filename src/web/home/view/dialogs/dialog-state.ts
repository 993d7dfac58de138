import type { Message, User } from '../../../../client/index.ts';
import type { ChatState } from '../../model/chat-state.ts';
import type { Conversation } from '../../model/messages/conversation.ts';

/** A dialog that is open. */
export type DialogState =
  | {
      kind:
        | 'new-group'
        | 'new-direct'
        | 'join-group'
        | 'use-invitation'
        | 'find'
        | 'account'
        | 'delete-account'
        | 'help';
    }
  | { kind: 'members' | 'leave-group' | 'delete-group' | 'group-settings'; conversation: Conversation }
  | { kind: 'remove-member'; conversation: Conversation; member: User }
  | { kind: 'delete-message'; conversation: Conversation; messageId: number }
  | { kind: 'react'; conversation: Conversation; message: Message }
  | { kind: 'create-named'; name: string; similar: string | undefined }
  | { kind: 'link'; address: string };

/** The properties of every dialog. */
export interface DialogProps {
  chat: ChatState;
  onClose: () => void;
}

/** The properties of a dialog about a group. */
export interface GroupDialogProps extends DialogProps {
  conversation: Conversation;
}
