import type { Chat } from '../../model/chat.ts';
import type { Conversation } from '../../model/conversation.ts';

/** A dialog that is open. */
export type DialogState =
  | { kind: 'new-group' }
  | { kind: 'join-group' }
  | { kind: 'members'; conversation: Conversation }
  | { kind: 'leave-group'; conversation: Conversation }
  | { kind: 'delete-message'; conversation: Conversation; messageId: number };

/** What every dialog gets. */
export interface DialogProps {
  chat: Chat;
  onClose: () => void;
}
