import { type ChatClient, type ChatEvent, isAfter, NO_DEADLINE, newIdempotencyKey } from '../../client/index.ts';
import { sleep } from '../../client/requests/sleep.ts';
import type { Screen } from './screen.ts';
import { terminalText } from './terminal-text.ts';

/** How long the chat waits at the end of its input until the last sent message is shown, in milliseconds. */
const LAST_MESSAGE_MS = 2000;
/** After this many milliseconds an unsent message is reported as waiting: the user no longer sees what was typed. */
const SLOW_MS = 2000;

/** Sends the user's messages. The event stream delivers them, in order with the others, and only then are they shown. */
export class SentMessages {
  readonly #client: ChatClient;
  readonly #screen: Screen;
  readonly #ending: AbortSignal;
  /** Timers of messages that are being sent, by key: the stream may deliver one before the response to its post. */
  readonly #slow = new Map<string, NodeJS.Timeout>();
  #sentTo = '';
  #receivedTo = '';

  constructor(client: ChatClient, screen: Screen, ending: AbortSignal) {
    this.#client = client;
    this.#screen = screen;
    this.#ending = ending;
  }

  /** Sets the cursor from which the event stream is read. */
  begin(cursor: string): void {
    this.#receivedTo = cursor;
    this.#sentTo = cursor;
  }

  /** Sends a message, and retries it until a node has stored it. */
  async send(groupId: number, text: string, replyTo?: number): Promise<void> {
    const key = newIdempotencyKey();
    const options = { ...NO_DEADLINE, ...(replyTo && { replyTo }), idempotencyKey: key, signal: this.#ending };
    const slow = setTimeout(
      () => this.#screen.notice(`not sent yet, waiting for a node: ${terminalText(text)}`),
      SLOW_MS,
    );
    this.#slow.set(key, slow);
    try {
      this.#sentTo = (await this.#client.send(groupId, text, options)).cursor;
    } finally {
      clearTimeout(slow);
      this.#slow.delete(key);
    }
  }

  /** Handles an event of the stream. */
  received(event: ChatEvent): void {
    this.#receivedTo = event.cursor;
    if (event.kind === 'message') clearTimeout(this.#slow.get(event.message.idempotency_key ?? ''));
  }

  /** Waits briefly until the stream has delivered the last message: piped input ends before that. */
  async waitUntilShown(): Promise<void> {
    const endsAt = performance.now() + LAST_MESSAGE_MS;
    while (isAfter(this.#sentTo, this.#receivedTo) && performance.now() < endsAt) await sleep(20, this.#ending);
  }
}
