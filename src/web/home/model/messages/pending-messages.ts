import type { Message } from '../../../../client/index.ts';
import type { ReplyTarget } from '../text/quotes.ts';

/** A message that this page is sending. It stays until the cluster stores it or the user discards it. */
export interface PendingMessage {
  /** The idempotency key, the same for every attempt. */
  key: string;
  content: string;
  replyTo?: ReplyTarget;
  state: 'sending' | 'failed';
  /** The code of the error with which it was refused. */
  code?: string;
  /** The stored message with the same text, if the stream delivered it before the response to the post. */
  arrivedAs?: number;
}

/** The messages to one group that this page is sending, in order. */
export class PendingMessages {
  #all: PendingMessage[] = [];

  /** Those that are not known to be stored. */
  get shown(): PendingMessage[] {
    return this.#all.filter(({ arrivedAs }) => arrivedAs === undefined);
  }

  /** The newest one that is not known to be stored, if any. */
  get newest(): PendingMessage | undefined {
    return this.shown.at(-1);
  }

  /** Returns the one with that key. */
  find(key: string): PendingMessage | undefined {
    return this.#all.find((one) => one.key === key);
  }

  /** Records that a message is being sent. */
  sending(key: string, { content, replyTo }: { content: string; replyTo?: ReplyTarget }): void {
    const known = this.find(key);
    const reply = replyTo === undefined ? {} : { replyTo };
    if (known === undefined) this.#all.push({ key, content, ...reply, state: 'sending' });
    else known.state = 'sending';
  }

  /**
   * Hides the pending message that the stream has delivered as this stored one, often before the response to its post: the page must
   * show it once.
   */
  arrived({ idempotency_key: key, content, id }: Message): void {
    const isSame = (one: PendingMessage) => (key === undefined ? one.content === content : one.key === key);
    const own = this.shown.find(isSame);
    if (own !== undefined) own.arrivedAs = id;
  }

  /** Records that sending failed. It can be retried with the same key. */
  failed(key: string, code: string): void {
    const pending = this.find(key);
    if (pending === undefined) return;
    pending.state = 'failed';
    pending.code = code;
    // Equal text is no proof: the message may come from another tab. A retry with the same key settles it.
    delete pending.arrivedAs;
  }

  /** Removes a message. */
  discard(key: string): void {
    this.#all = this.#all.filter((one) => one.key !== key);
  }
}
