import { ChatError, NO_DEADLINE, newIdempotencyKey, type User } from '../../../../client/index.ts';
import type { Stored } from '../../../shared/stored.ts';
import type { ChatContext } from '../chat-context.ts';
import type { Conversation } from '../messages/conversation.ts';
import type { ReplyTarget } from '../text/quotes.ts';

/** A message that is not known to be stored by the cluster, as this device keeps it. */
export interface Unsent {
  groupId: number;
  content: string;
  /** The message that it replies to; only the id if an earlier version of this page has stored it. */
  replyTo?: ReplyTarget | number;
  /** When it was written, in milliseconds: messages of a group are sent in this order. */
  at: number;
  /** The code of the error with which a node refused it; absent while it is being sent. */
  refused?: string;
}

/** Returns true for a value that this page has stored as an {@link Unsent}. */
export function isUnsent(value: unknown): value is Unsent {
  const { groupId, content, at } = (value ?? {}) as Partial<Unsent>;
  return typeof groupId === 'number' && typeof content === 'string' && typeof at === 'number';
}

/**
 * The wait before a message that no node could store is sent again, in milliseconds. A failover needs no wait: the client finds the
 * active node.
 */
const RETRY_MS = 2000;

/**
 * Sends messages, one at a time in each group, so that they keep the order in which they were written. They are stored on the
 * device with their keys until the cluster has them: a reload, an expired session or a closed tab loses none, and two tabs that
 * send the same one store it once.
 */
export class Outbox {
  readonly #context: ChatContext;
  readonly #me: User;
  readonly #unsent: Stored<Unsent>;
  readonly #last = new Map<number, Promise<void>>();
  readonly #known = new Set<string>();

  constructor(context: ChatContext, me: User, unsent: Stored<Unsent>) {
    this.#context = context;
    this.#me = me;
    this.#unsent = unsent;
  }

  /** Sends a message. It is shown at once, with its state. Resolves when it is stored or was refused. */
  send(conversation: Conversation, content: string, replyTo?: ReplyTarget): Promise<void> {
    const key = newIdempotencyKey();
    const reply = replyTo === undefined ? {} : { replyTo };
    const unsent: Unsent = { groupId: conversation.group.id, content, ...reply, at: this.#now() };
    this.#unsent.set(key, unsent);
    return this.#enqueue(conversation, key, unsent);
  }

  /**
   * Shows the messages that an earlier page or another tab left unsent, and continues to send them. Messages of groups that `find`
   * does not know stay as they are.
   */
  restore(find: (groupId: number) => Conversation | undefined): void {
    for (const { key, unsent } of this.#left()) {
      const conversation = this.#known.has(key) ? undefined : find(unsent.groupId);
      if (conversation === undefined) continue;
      if (unsent.refused === undefined) void this.#enqueue(conversation, key, unsent);
      else {
        this.#known.add(key);
        conversation.sending(key, withTarget(unsent));
        conversation.pending.failed(key, unsent.refused);
      }
    }
  }

  /** Removes the messages of groups that the user is no longer in, and returns their texts. */
  removeUndeliverable(find: (groupId: number) => Conversation | undefined): string[] {
    const undeliverable = this.#left().filter(({ unsent }) => find(unsent.groupId) === undefined);
    for (const { key } of undeliverable) this.#unsent.set(key, undefined);
    return undeliverable.map(({ unsent }) => unsent.content);
  }

  /** Returns the current time, but always later than every waiting message: the device's clock may be set back. */
  #now(): number {
    return Math.max(Date.now(), ...this.#left().map(({ unsent }) => unsent.at + 1));
  }

  /** Returns all messages that are not known to be stored, in the order in which they were written. */
  #left(): { key: string; unsent: Unsent }[] {
    const left = this.#unsent.names().flatMap((key) => {
      const unsent = this.#unsent.get(key);
      return unsent === undefined ? [] : [{ key, unsent }];
    });
    return left.sort((one, other) => one.unsent.at - other.unsent.at);
  }

  /** Retries a refused message with its own key, so that it is stored once however often it is retried. */
  async retry(conversation: Conversation, key: string): Promise<void> {
    const unsent = this.#unsent.get(key);
    if (unsent === undefined) return;
    const { refused: _, ...again } = unsent;
    this.#unsent.set(key, again);
    await this.#enqueue(conversation, key, again);
  }

  /** Discards a refused message. */
  discard(conversation: Conversation, key: string): void {
    this.#unsent.set(key, undefined);
    conversation.pending.discard(key);
    this.#context.changed();
  }

  #enqueue(conversation: Conversation, key: string, unsent: Unsent): Promise<void> {
    const { id } = conversation.group;
    this.#known.add(key);
    conversation.sending(key, withTarget(unsent));
    this.#context.changed();
    const sent = (this.#last.get(id) ?? Promise.resolve()).then(() => this.#post(conversation, key, unsent));
    this.#last.set(id, sent);
    return sent;
  }

  async #post(conversation: Conversation, key: string, unsent: Unsent): Promise<void> {
    try {
      const sent = await this.#untilAnswered(key, unsent);
      this.#unsent.set(key, undefined);
      conversation.sent(key, sent, this.#me.username);
    } catch (error) {
      if (this.#context.signal.aborted) return;
      const code = error instanceof ChatError ? error.code : 'error';
      // An expired session is not the message's fault: it is sent when the user has signed in again.
      const isExpired = error instanceof ChatError && error.status === 401;
      // False if it was removed meanwhile: the user is no longer in its group.
      const isKept = this.#unsent.get(key) !== undefined;
      if (!isExpired && isKept) this.#unsent.set(key, { ...unsent, refused: code });
      conversation.pending.failed(key, code);
      this.#context.failed(error);
    }
    this.#context.changed();
  }

  /** Sends a message until a node stores it or refuses it. */
  async #untilAnswered(idempotencyKey: string, unsent: Unsent) {
    const { groupId, content } = unsent;
    const { replyTo } = withTarget(unsent);
    const reply = replyTo === undefined ? {} : { replyTo: replyTo.id };
    const { client, signal } = this.#context;
    const options = { idempotencyKey, ...reply, ...NO_DEADLINE, signal };
    for (;;) {
      try {
        return await client.send(groupId, content, options);
      } catch (error) {
        if (signal.aborted || !isTemporary(error)) throw error;
        const waitMs = (error instanceof ChatError ? error.retryAfterMs : undefined) ?? RETRY_MS;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        signal.throwIfAborted();
      }
    }
  }
}

function withTarget({ content, replyTo }: Unsent): { content: string; replyTo?: ReplyTarget } {
  if (replyTo === undefined) return { content };
  return { content, replyTo: typeof replyTo === 'number' ? { id: replyTo } : replyTo };
}

function isTemporary(error: unknown): boolean {
  return !(error instanceof ChatError) || error.status === 0 || error.status >= 500 || error.status === 429;
}
