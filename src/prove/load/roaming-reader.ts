import { ChatClient } from '../../client/chat-client.ts';
import { ChatError, CursorExpiredError } from '../../client/errors.ts';
import { epochOf, positionOf } from '../history/position.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { ChatFixture } from './chat-fixture.ts';
import type { Outcome } from './outcome.ts';
import { type EventLike, type Reader, ReaderLog } from './readers.ts';
import { Trail } from './trail.ts';
import type { OutgoingMessage } from './writers.ts';

/** Deadline of a send, ms: longer than most faults, so that most sends end with a response. */
const SEND_MS = 15_000;

/** Creates a client of the whole cluster, as an application would. */
export function chatClient(rig: NodeRig, userId: number): ChatClient {
  return new ChatClient({ urls: rig.nodes.map(({ url }) => url), userId, fetch: rig.fetch });
}

/** Sends through a client. After a failure the outcome is unknown, because the client has tried several times. */
export function sendThrough(client: ChatClient): (message: OutgoingMessage) => Promise<Outcome> {
  return async ({ value, group, key }) => {
    try {
      const options = { deadlineMs: SEND_MS, ...(key === null ? {} : { idempotencyKey: key }) };
      const sent = await client.send(group, value, options);
      const { message_id: message, cursor, durable } = sent;
      const place = { message, position: positionOf(cursor), epoch: epochOf(cursor) };
      return { type: 'ok', ...place, ...(durable && { durable }) };
    } catch (error) {
      return { type: 'unknown', reason: error instanceof ChatError ? `${error.status} ${error.code}` : String(error) };
    }
  };
}

/** Options of a {@link RoamingReader}. */
interface RoamingReaderOptions {
  rig: NodeRig;
  name: string;
  client: ChatClient;
  fixture: ChatFixture;
  /** The cursor from which it starts. */
  cursor: string;
}

/** Follows the log through a client that moves from node to node. */
export class RoamingReader implements Reader {
  readonly name: string;
  readonly #client: ChatClient;
  readonly #log: ReaderLog;
  readonly #trail: Trail;
  readonly #ending = new AbortController();
  #position: number;
  #head = Number.POSITIVE_INFINITY;

  constructor({ rig, name, client, fixture, cursor }: RoamingReaderOptions) {
    this.name = name;
    this.#client = client;
    this.#trail = new Trail(cursor);
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
    for (let isRefused = false; ; isRefused = true) {
      try {
        await this.#follow(both, isRefused);
        if (this.#position >= this.#head) this.#log.done();
        return;
      } catch (error) {
        if (!(error instanceof CursorExpiredError)) return this.#log.gaveUp(String(error));
        this.#log.refused(error.cursor, '410');
        if (!this.#trail.stepBack()) return;
      }
    }
  }

  async #follow(signal: AbortSignal, isRefused: boolean): Promise<void> {
    const cursor = this.#trail.cursor;
    // events() yields nothing before an event arrives: a poll that returns at once proves that the cursor is accepted.
    if (isRefused) {
      const probe = this.#client.events({ cursor, signal });
      await probe.next().finally(() => probe.return());
    }
    this.#position = positionOf(cursor);
    if (isRefused) this.#log.resumed(this.#position);
    for await (const event of this.#client.events({ cursor, signal })) {
      this.#log.received([event as EventLike]);
      this.#trail.moveTo(event.cursor);
      this.#position = positionOf(event.cursor);
      if (this.#position >= this.#head) break;
    }
  }
}
