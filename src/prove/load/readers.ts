import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveredMessage } from '../history/history-record.ts';
import { positionOf } from '../history/position.ts';
import type { RunHistory } from '../history/run-history.ts';
import { get } from '../http.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';
import { Trail } from './trail.ts';

/** Timeout of a poll in seconds, and how much longer the client waits before it considers the node down, ms. */
const POLL_S = 5;
const GRACE_MS = 2000;
const BACKOFF_MS = 100;

/** An event as polls return it. */
export interface EventLike {
  cursor: string;
  kind: string;
  group_id?: number | null;
  message?: { id: number; content: string };
}

/** Follows the log from a cursor until it reaches a given position. */
export interface Reader {
  readonly name: string;
  /** The position that it has reached. */
  readonly position: number;
  /** Runs until it has reached the position given to `finish`, or until the signal. */
  run(signal: AbortSignal): Promise<void>;
  /** Sets the position at which the reader stops. */
  finish(head: number): void;
}

/** Returns the messages among the events, in the form of the history. */
function deliveriesOf(events: readonly EventLike[]): DeliveredMessage[] {
  return events.flatMap(({ kind, cursor, group_id, message }) =>
    kind === 'message' && message
      ? [[positionOf(cursor), message.id, message.content, group_id ?? -1] as DeliveredMessage]
      : [],
  );
}

/** Records the reads of one reader in the history. */
export class ReaderLog {
  readonly #history: RunHistory;
  readonly #line: { op: 'read'; process: string; node: string | null; term: null };

  constructor(history: RunHistory, process: string, node: string | null) {
    this.#history = history;
    this.#line = { op: 'read', process, node, term: null };
  }

  started(groups: number[], from: number): void {
    this.#history.record({ ...this.#line, type: 'invoke', groups, from });
  }

  received(events: readonly EventLike[]): void {
    const values = deliveriesOf(events);
    if (values.length > 0) this.#history.record({ ...this.#line, type: 'ok', values });
  }

  refused(cursor: string, reason: string): void {
    this.#history.record({ ...this.#line, type: 'fail', cursor, reason });
  }

  /** Records that the reader continues from `position` after a refusal; what it received after that position was lost. */
  resumed(position: number): void {
    this.#history.record({ ...this.#line, type: 'ok', resumed: position });
  }

  /** Records that the reader ended for another reason than a refused cursor. */
  gaveUp(reason: string): void {
    this.#history.record({ ...this.#line, type: 'fail', reason });
  }

  done(): void {
    this.#history.record({ ...this.#line, type: 'ok', done: true });
  }
}

/** Options of a reader that stays with one node. */
export interface PinnedReaderOptions {
  rig: NodeRig;
  node: SupervisedNode;
  name: string;
  /** `/subscribe/status?groupId=…`, `/subscribe/user?userId=…` or `/events?userId=…`. */
  path: string;
  groups: number[];
  cursor: string;
}

/** Polls one node only, through all its faults, with one cursor. */
export class PinnedReader implements Reader {
  readonly name: string;
  readonly #options: PinnedReaderOptions;
  readonly #log: ReaderLog;
  readonly #trail: Trail;
  #isRefused = false;
  #head = Number.POSITIVE_INFINITY;

  constructor(options: PinnedReaderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#trail = new Trail(options.cursor);
    this.#log = new ReaderLog(options.rig.history, options.name, options.node.name);
    this.#log.started(options.groups, positionOf(options.cursor));
  }

  get position(): number {
    return positionOf(this.#trail.cursor);
  }

  finish(head: number): void {
    this.#head = head;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const hasPolled = await this.#poll(signal);
        if (!hasPolled && !this.#trail.stepBack()) return;
        // Only after an accepted poll: the cursor of a lost event may lie beyond the head.
        if (hasPolled && this.position >= this.#head) return this.#log.done();
      } catch {
        // Down, frozen, fallen or cut off: retries the same node with the same cursor.
        await sleep(BACKOFF_MS * (0.5 + Math.random()));
      }
    }
  }

  /** Sends one poll. Returns false if the cursor was refused. Throws if there was no usable response. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { node, path } = this.#options;
    // Near the end, polls are short so that the reader notices that it has reached the head.
    const seconds = Number.isFinite(this.#head) ? 1 : POLL_S;
    const { cursor } = this.#trail;
    const url = `${node.url}${path}&cursor=${cursor}&timeout=${seconds}`;
    const deadline = seconds * 1000 + GRACE_MS;
    const { status, headers, body } = await get<{ cursor: string; events: EventLike[] }>(url, { deadline, signal });
    if (status === 410 || status === 400) {
      this.#isRefused = true;
      this.#log.refused(cursor, `${status} ${JSON.stringify(body)}`);
      return false;
    }
    const next = status === 200 ? body.cursor : status === 204 ? headers.cursor : undefined;
    if (typeof next !== 'string') throw new Error(`${status}`);
    if (this.#isRefused) this.#log.resumed(this.position);
    this.#isRefused = false;
    if (status === 200) this.#log.received(body.events);
    this.#trail.moveTo(next);
    return true;
  }
}
