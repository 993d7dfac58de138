import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { positionOf } from '../history/position.ts';
import { type EventLike, type PinnedReaderOptions, type Reader, ReaderLog } from './readers.ts';
import { Trail } from './trail.ts';

/** A silent stream is closed after this time, ms, chosen for each stream: below and above the interval of heartbeats. */
const SILENCE_MS: [number, number] = [2000, 20_000];
const BACKOFF_MS = 100;

/** The end of a connection: never accepted, closed or silent, or the node refused the cursor. */
type StreamEnd = 'failed' | 'closed' | { refused: string };

/** Follows GET /events of one node as an EventSource does: reconnects with its last id. */
export class StreamReader implements Reader {
  readonly name: string;
  readonly #options: PinnedReaderOptions;
  readonly #log: ReaderLog;
  readonly #trail: Trail;
  #isRefused = false;
  #head = Number.POSITIVE_INFINITY;
  #disconnect: () => void = () => undefined;

  constructor(options: PinnedReaderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#trail = new Trail(options.cursor);
    this.#log = new ReaderLog(options.rig.history, options.name, options.node.name);
    this.#log.started(options.groups, this.position);
  }

  get position(): number {
    return positionOf(this.#trail.cursor);
  }

  finish(head: number): void {
    this.#head = head;
    this.#disconnect();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Only after an accepted connection: the cursor of a lost event may lie beyond the head.
      const mayEnd = Number.isFinite(this.#head);
      const ending = await this.#connect(signal);
      if (typeof ending !== 'string') {
        this.#isRefused = true;
        this.#log.refused(this.#trail.cursor, ending.refused);
        if (!this.#trail.stepBack()) return;
      } else if (mayEnd && ending === 'closed' && this.position >= this.#head) return this.#log.done();
      await sleep(BACKOFF_MS * (0.5 + Math.random()));
    }
  }

  #connect(signal: AbortSignal): Promise<StreamEnd> {
    const { node, path } = this.#options;
    const headers = { accept: 'text/event-stream', 'Last-Event-ID': this.#trail.cursor };
    return new Promise((resolve) => {
      const request = http.get(`${node.url}${path}`, { agent: false, headers, signal });
      const silence = SILENCE_MS[0] + Math.random() * (SILENCE_MS[1] - SILENCE_MS[0]);
      this.#disconnect = () => request.destroy();
      request.setTimeout(silence, () => request.destroy());
      request.on('error', () => undefined);
      let ending: StreamEnd = 'failed';
      request.once('close', () => resolve(ending));
      request.once('response', (response) => {
        response.setEncoding('utf8');
        response.on('error', () => undefined);
        if (response.statusCode === 410 || response.statusCode === 400) {
          ending = { refused: String(response.statusCode) };
          request.destroy();
        } else if (response.statusCode === 200) {
          ending = 'closed';
          this.#follow(response, (refused) => {
            ending = { refused };
            request.destroy();
          });
        } else request.destroy();
      });
    });
  }

  #follow(response: http.IncomingMessage, refuse: (reason: string) => void): void {
    if (this.#isRefused) this.#log.resumed(this.position);
    this.#isRefused = false;
    let text = '';
    response.on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n');
      // An incomplete block is not an event.
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith('event: cursor_expired')) return refuse('cursor_expired in the stream');
        this.#handle(block);
      }
      if (this.position >= this.#head) this.#disconnect();
    });
  }

  /** Handles one block: the event first, then its id, so that an event is never skipped if handling it fails. */
  #handle(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ');
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const data = fields.get('data');
    if (data !== undefined) this.#log.received([JSON.parse(data) as EventLike]);
    this.#trail.moveTo(fields.get('id') ?? this.#trail.cursor);
  }
}
