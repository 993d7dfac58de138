import type { Message } from '../../../../client/index.ts';
import type { ChatContext } from '../chat-context.ts';
import type { Conversation } from './conversation.ts';

/** Edits and deletes sent messages, and reacts to them. */
export class MessageChanges {
  readonly #context: ChatContext;

  constructor(context: ChatContext) {
    this.#context = context;
  }

  /** Deletes a message for all members. */
  async remove(conversation: Conversation, messageId: number, signal: AbortSignal): Promise<void> {
    await this.#context.client.deleteMessage(messageId, { signal });
    conversation.removed(messageId);
    this.#context.changed();
  }

  /** Changes the text of the user's own message. */
  async edit(conversation: Conversation, messageId: number, content: string): Promise<void> {
    const { edited_at } = await this.#context.client.editMessage(messageId, content, { signal: this.#context.signal });
    const edited = edited_at === null ? {} : { edited_at };
    conversation.window.replace(messageId, (message) => ({ ...message, content, ...edited }));
    this.#context.changed();
  }

  /** Adds the user's reaction to a message, or removes it if it is there. */
  async react(conversation: Conversation, message: Message, emoji: string): Promise<void> {
    const added = !(message.reactions ?? []).some((one) => one.emoji === emoji && one.mine);
    const options = { signal: this.#context.signal };
    const request = added
      ? this.#context.client.react(message.id, emoji, options)
      : this.#context.client.unreact(message.id, emoji, options);
    const { count } = await request;
    conversation.reacted(message.id, { emoji, count, added });
    this.#context.changed();
  }
}
