import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { positionOf } from './position.ts';
import { type EventLike, type PinnedReaderOptions, type Reader, ReaderLog } from './readers.ts';

/** A stream that says nothing for so long is left, ms, drawn anew for each: below and above the nodes' heartbeat. */
const SILENCE_MS: [number, number] = [2000, 20_000];
const BACKOFF_MS = 100;

/** What came of one connection: it broke off or was silent, or the node refused the cursor for good. */
type Ending = 'again' | { refused: string };

/** Follows GET /events of one node, as an EventSource does: by its last id, with a new connection when one ends. */
export class StreamReader implements Reader {
  readonly name: string;
  readonly #options: PinnedReaderOptions;
  readonly #log: ReaderLog;
  #lastId: string;
  #head = Number.POSITIVE_INFINITY;
  #leave: () => void = () => undefined;

  constructor(options: PinnedReaderOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastId = options.cursor;
    this.#log = new ReaderLog(options.rig.history, options.name, options.node.name);
    this.#log.began(options.groups, this.position);
  }

  get position(): number {
    return positionOf(this.#lastId);
  }

  finish(head: number): void {
    this.#head = head;
    if (this.position >= head) this.#leave();
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
      const asked = http.get(`${node.url}${path}`, { agent: false, headers, signal });
      const silence = SILENCE_MS[0] + Math.random() * (SILENCE_MS[1] - SILENCE_MS[0]);
      this.#leave = () => asked.destroy();
      asked.setTimeout(silence, () => asked.destroy());
      asked.on('error', () => undefined);
      asked.once('close', () => resolve('again'));
      asked.once('response', (answer) => {
        answer.setEncoding('utf8');
        answer.on('error', () => undefined);
        if (answer.statusCode === 410 || answer.statusCode === 400) {
          resolve({ refused: `${answer.statusCode} for ${this.#lastId}` });
          asked.destroy();
        } else if (answer.statusCode === 200) this.#follow(answer);
        else asked.destroy();
      });
    });
  }

  #follow(answer: http.IncomingMessage): void {
    let text = '';
    answer.on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n');
      // What a connection breaks off in the middle of is no event.
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
      if (this.position >= this.#head) this.#leave();
    });
  }

  /** One block: the event first, then its id, as a client does that must not lose what it was handling. */
  #take(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(': ');
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    const data = fields.get('data');
    if (data !== undefined) this.#log.got([JSON.parse(data) as EventLike]);
    this.#lastId = fields.get('id') ?? this.#lastId;
  }
}
