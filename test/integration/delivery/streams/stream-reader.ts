import http from 'node:http';
import { eventually } from '../../../support/eventually.ts';

/** One event as the standard's parser would dispatch it. */
export interface Received {
  id: string;
  type: string;
  data: string;
}

/** Reads a stream of server-sent events by the rules of the HTML standard, and keeps its comments too. */
export class StreamReader {
  status = 0;
  headers: http.IncomingHttpHeaders = {};
  /** Everything that arrived, unparsed. */
  text = '';
  readonly events: Received[] = [];
  readonly comments: string[] = [];
  retry: number | null = null;
  lastId = '';
  isOver = false;
  readonly #request: http.ClientRequest;
  #response: http.IncomingMessage | null = null;
  #rest = '';
  #type = '';
  #data: string[] = [];

  /** Opens `url`; `slow` reads nothing until {@link resume}. */
  constructor(url: string, { lastEventId, slow = false }: { lastEventId?: string; slow?: boolean } = {}) {
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    this.#request = http.get(url, { agent: false, headers: { Accept: 'text/event-stream', ...headers } });
    this.#request.on('error', () => this.#end());
    this.#request.on('response', (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      this.#response = response;
      response.setEncoding('utf8').on('data', (chunk: string) => this.#take(chunk));
      response.on('close', () => this.#end());
      response.on('error', () => this.#end());
      if (slow) response.pause();
    });
  }

  /** Resolves when the response has begun. */
  async untilBegun(): Promise<this> {
    await eventually('the stream has begun', () => this.status > 0);
    return this;
  }

  /** The texts of the messages that arrived. */
  get texts(): string[] {
    return this.events.filter(({ type }) => type === 'message').map(({ data }) => JSON.parse(data).message.content);
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #end(): void {
    this.isOver = true;
  }

  #take(chunk: string): void {
    this.text += chunk;
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === '') this.comments.push(value);
    else if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id') this.lastId = value;
    else if (field === 'retry') this.retry = Number(value);
  }

  #dispatch(): void {
    if (this.#data.length > 0) {
      this.events.push({ id: this.lastId, type: this.#type || 'message', data: this.#data.join('\n') });
    }
    this.#data = [];
    this.#type = '';
  }
}
