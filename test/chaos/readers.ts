import { setTimeout as pause } from 'node:timers/promises';
import { get } from '../support/http.ts';
import type { History } from './history.ts';
import type { Sighting } from './history-record.ts';
import { positionOf } from './position.ts';
import type { Rig } from './rig.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** Seconds that a poll asks for; and what a client waits beyond that before it takes the node for dead, ms. */
const POLL_S = 5;
const BEYOND_MS = 2000;
const BACKOFF_MS = 100;

/** An event as polls give it. */
export interface EventLike {
  cursor: string;
  kind: string;
  group_id?: number | null;
  message?: { id: number; content: string };
}

/** One who follows the log from a cursor until told where it ends. */
export interface Reader {
  readonly name: string;
  /** How far it has come. */
  readonly position: number;
  /** Follows until `head` has been given and reached, or until the signal. */
  run(signal: AbortSignal): Promise<void>;
  /** Tells where the log ends: the reader goes on to there and then stops. */
  finish(head: number): void;
}

/** The messages among events, as the history has them. */
export function sightingsOf(events: readonly EventLike[]): Sighting[] {
  return events.flatMap(({ kind, cursor, group_id, message }) =>
    kind === 'message' && message
      ? [[positionOf(cursor), message.id, message.content, group_id ?? -1] as Sighting]
      : [],
  );
}

/** Writes a reader's lines. */
export class ReaderLog {
  readonly #history: History;
  readonly #line: { op: 'read'; process: string; node: string | null; term: null };

  constructor(history: History, process: string, node: string | null) {
    this.#history = history;
    this.#line = { op: 'read', process, node, term: null };
  }

  began(groups: number[], from: number): void {
    this.#history.record({ ...this.#line, type: 'invoke', groups, from });
  }

  got(events: readonly EventLike[]): void {
    const values = sightingsOf(events);
    if (values.length > 0) this.#history.record({ ...this.#line, type: 'ok', values });
  }

  refused(reason: string): void {
    this.#history.record({ ...this.#line, type: 'fail', reason });
  }

  done(): void {
    this.#history.record({ ...this.#line, type: 'ok', done: true });
  }
}

/** What a reader that stays with one node is made of. */
export interface PinnedReaderOptions {
  rig: Rig;
  node: SupervisedNode;
  name: string;
  /** `/subscribe/status?groupId=…`, `/subscribe/user?userId=…` or `/events?userId=…`. */
  path: string;
  groups: number[];
  cursor: string;
}

/** Polls one node and no other, through everything that happens to it, with one cursor. */
export class PinnedReader implements Reader {
  readonly name: string;
  readonly #options: PinnedReaderOptions;
  readonly #log: ReaderLog;
  #cursor: string;
  #head = Number.POSITIVE_INFINITY;

  constructor(options: PinnedReaderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#cursor = options.cursor;
    this.#log = new ReaderLog(options.rig.history, options.name, options.node.name);
    this.#log.began(options.groups, positionOf(options.cursor));
  }

  get position(): number {
    return positionOf(this.#cursor);
  }

  finish(head: number): void {
    this.#head = head;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.position >= this.#head) return this.#log.done();
      try {
        if (!(await this.#poll(signal))) return;
      } catch {
        // Down, frozen, fallen or cut off: the same node is asked again, with the same cursor.
        await pause(BACKOFF_MS * (0.5 + Math.random()));
      }
    }
  }

  /** One poll; false when the cursor was refused. Throws when there was no answer worth the name. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { node, path } = this.#options;
    // Near the end a poll must not sleep over the news that the head is reached.
    const seconds = Number.isFinite(this.#head) ? 1 : POLL_S;
    const url = `${node.url}${path}&cursor=${this.#cursor}&timeout=${seconds}`;
    const deadline = seconds * 1000 + BEYOND_MS;
    const { status, headers, body } = await get<{ cursor: string; events: EventLike[] }>(url, { deadline, signal });
    if (status === 200) {
      this.#log.got(body.events);
      this.#cursor = body.cursor;
      return true;
    }
    if (status === 204 && typeof headers.cursor === 'string') {
      this.#cursor = headers.cursor;
      return true;
    }
    if (status === 410 || status === 400) {
      this.#log.refused(`${status} ${JSON.stringify(body)} for ${this.#cursor}`);
      return false;
    }
    throw new Error(`${status}`);
  }
}
