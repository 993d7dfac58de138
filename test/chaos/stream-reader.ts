import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { positionOf } from './position.ts';
import { type EventLike, type PinnedReaderOptions, type Reader, ReaderLog } from './readers.ts';

/** A silent stream is closed after this time, ms, chosen for each stream: below and above the interval of heartbeats. */
const SILENCE_MS: [number, number] = [2000, 20_000];
const BACKOFF_MS = 100;

/** The end of a connection: closed or silent ('again'), or the node refused the cursor. */
type Ending = 'again' | { refused: string };

/** Follows GET /events of one node as an EventSource does: reconnects with its last id. */
export class StreamReader implements Reader {
  readonly name: string;
  readonly #options: PinnedReaderOptions;
  readonly #log: ReaderLog;
  #lastId: string;
  #head = Number.POSITIVE_INFINITY;
  #disconnect: () => void = () => undefined;

  constructor(options: PinnedReaderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastId = options.cursor;
    this.#log = new ReaderLog(options.rig.history, options.name, options.node.name);
    this.#log.started(options.groups, this.position);
  }

  get position(): number {
    return positionOf(this.#lastId);
  }

  finish(head: number): void {
    this.#head = head;
    if (this.position >= head) this.#disconnect();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.position >= this.#head) return this.#log.done();
      const ending = await this.#connect(signal);
      if (ending !== 'again') return this.#log.refused(ending.refused);
      await pause(BACKOFF_MS * (0.5 + Math.random()));
    }
  }

  #connect(signal: AbortSignal): Promise<Ending> {
    const { node, path } = this.#options;
    const headers = { accept: 'text/event-stream', 'Last-Event-ID': this.#lastId };
    return new Promise((resolve) => {
      const request = http.get(`${node.url}${path}`, { agent: false, headers, signal });
      const silence = SILENCE_MS[0] + Math.random() * (SILENCE_MS[1] - SILENCE_MS[0]);
      this.#disconnect = () => request.destroy();
      request.setTimeout(silence, () => request.destroy());
      request.on('error', () => undefined);
      request.once('close', () => resolve('again'));
      request.once('response', (response) => {
        response.setEncoding('utf8');
        response.on('error', () => undefined);
        if (response.statusCode === 410 || response.statusCode === 400) {
          resolve({ refused: `${response.statusCode} for ${this.#lastId}` });
          request.destroy();
        } else if (response.statusCode === 200) this.#follow(response);
        else request.destroy();
      });
    });
  }

  #follow(response: http.IncomingMessage): void {
    let text = '';
    response.on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n');
      // An incomplete block is not an event.
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#handle(block);
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
    this.#lastId = fields.get('id') ?? this.#lastId;
  }
}
