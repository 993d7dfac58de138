import { ChatClient } from '../../src/client/chat-client.ts';
import { ChatError, CursorExpiredError } from '../../src/client/errors.ts';
import type { ChatFixture } from './chat-fixture.ts';
import type { Outcome } from './outcome.ts';
import { positionOf } from './position.ts';
import { type EventLike, type Reader, ReaderLog } from './readers.ts';
import type { TestRig } from './test-rig.ts';
import type { OutgoingMessage } from './writers.ts';

/** Deadline of a send, ms: longer than most faults, so that most sends end with a response. */
const SEND_MS = 15_000;

/** Creates a client of the whole cluster, as an application would. */
export function chatClient(rig: TestRig, userId: number): ChatClient {
  return new ChatClient({ urls: rig.nodes.map(({ url }) => url), userId, fetch: rig.fetch });
}

/** Sends through a client. After a failure the outcome is unknown, because the client has tried several times. */
export function sendThrough(client: ChatClient): (message: OutgoingMessage) => Promise<Outcome> {
  return async ({ value, group, key }) => {
    try {
      const options = { deadlineMs: SEND_MS, ...(key === null ? {} : { idempotencyKey: key }) };
      const sent = await client.send(group, value, options);
      return { type: 'ok', message: sent.message_id, position: positionOf(sent.cursor) };
    } catch (error) {
      return { type: 'unknown', reason: error instanceof ChatError ? `${error.status} ${error.code}` : String(error) };
    }
  };
}

/** Follows the log through a client that moves from node to node. */
export class RoamingReader implements Reader {
  readonly name: string;
  readonly #client: ChatClient;
  readonly #cursor: string;
  readonly #log: ReaderLog;
  readonly #ending = new AbortController();
  #position: number;
  #head = Number.POSITIVE_INFINITY;

  constructor(rig: TestRig, name: string, client: ChatClient, fixture: ChatFixture, cursor: string) {
    this.name = name;
    this.#client = client;
    this.#cursor = cursor;
    this.#position = positionOf(cursor);
    this.#log = new ReaderLog(rig.history, name, null);
    this.#log.started(fixture.groups, this.#position);
  }

  get position(): number {
    return this.#position;
  }

  finish(head: number): void {
    this.#head = head;
    if (this.#position >= head) this.#ending.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#ending.signal]);
    try {
      for await (const event of this.#client.events({ cursor: this.#cursor, signal: both })) {
        this.#log.received([event as EventLike]);
        this.#position = positionOf(event.cursor);
        if (this.#position >= this.#head) break;
      }
      if (this.#position >= this.#head) this.#log.done();
    } catch (error) {
      const what = error instanceof CursorExpiredError ? `410 for ${error.cursor}` : `the client gave up: ${error}`;
      this.#log.refused(what);
    }
  }
}
