import { type ChatClient, newIdempotencyKey, type User } from '../../../client/index.ts';
import { messageOf } from '../../../message-of.ts';
import type { Conversation } from './conversation.ts';

/** Longer than any failover. After it the message is marked as failed and the user can retry it. */
const SEND_WITHIN_MS = 60_000;

/** Receives the changes of an {@link Outbox}. */
export interface OutboxListener {
  changed(conversation: Conversation): void;
  failed(error: unknown): void;
}

/** Sends messages, one at a time in each group, so that they keep the order in which they were written. */
export class Outbox {
  readonly #client: ChatClient;
  readonly #me: User;
  readonly #signal: AbortSignal;
  readonly #listener: OutboxListener;
  readonly #last = new Map<number, Promise<void>>();

  constructor(client: ChatClient, me: User, signal: AbortSignal, listener: OutboxListener) {
    this.#client = client;
    this.#me = me;
    this.#signal = signal;
    this.#listener = listener;
  }

  /** Sends a message. It is shown at once, with its state. Resolves when it is stored or has failed. */
  send(conversation: Conversation, content: string): Promise<void> {
    return this.#enqueue(conversation, newIdempotencyKey(), content);
  }

  /** Retries a failed message with its own key, so that it is stored once however often it is retried. */
  async retry(conversation: Conversation, key: string): Promise<void> {
    const content = conversation.pendingContent(key);
    if (content !== undefined) await this.#enqueue(conversation, key, content);
  }

  /** Discards a failed message. */
  discard(conversation: Conversation, key: string): void {
    conversation.discard(key);
    this.#listener.changed(conversation);
  }

  #enqueue(conversation: Conversation, key: string, content: string): Promise<void> {
    const { id } = conversation.group;
    conversation.sending(key, content);
    this.#listener.changed(conversation);
    const sent = (this.#last.get(id) ?? Promise.resolve()).then(() => this.#post(conversation, key, content));
    this.#last.set(id, sent);
    return sent;
  }

  async #post(conversation: Conversation, key: string, content: string): Promise<void> {
    const options = { idempotencyKey: key, signal: this.#signal, deadlineMs: SEND_WITHIN_MS };
    try {
      conversation.sent(key, await this.#client.send(conversation.group.id, content, options), this.#me.username);
    } catch (error) {
      if (this.#signal.aborted) return;
      conversation.failed(key, messageOf(error));
      this.#listener.failed(error);
    }
    this.#listener.changed(conversation);
  }
}
