import type { Message } from '../../../../client/index.ts';

/** The actions of a user on a message of the open group. */
export interface MessageActions {
  reply(message: Message): void;
  edit(message: Message): void;
  remove(message: Message): void;
  /** Offers the reactions. */
  chooseReaction(message: Message): void;
  react(message: Message, emoji: string): void;
  copyLink(message: Message): void;
  /** Shows the message with that id, loading it if necessary. */
  goTo(messageId: number): void;
  /** Returns true if the user may delete the message. */
  mayRemove(message: Message): boolean;
}
