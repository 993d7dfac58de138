import { performance } from 'node:perf_hooks';
import { quantile } from '../common/statistics.ts';
import { Connection, openConnections, type Reply, requestBytes } from './connection.ts';
import type { ParkSpec, RequestSpec, WakeResult, WakeSpec } from './requests.ts';

/** Deadline of one preparatory response, and of a whole wake-up. */
const LIMIT_MS = 60_000;
/** Concurrent preparations. */
const CONCURRENCY = 100;
/** Connections opened before the first is used; a multiple of every number of measured servers. */
const SLICE = 1200;

/** Polls that wait on kept-alive connections, and their wake-up. */
export class ParkedPolls {
  readonly #spec: ParkSpec;
  #connections: Connection[] = [];
  #polls: Buffer[] = [];
  #early: string | null = null;

  constructor(spec: ParkSpec) {
    this.#spec = spec;
  }

  /** Opens the connections and sends the preparatory requests. */
  async open(): Promise<void> {
    this.#polls = new Array(this.#spec.count);
    // In slices: a server closes a connection that sends nothing for too long.
    while (this.#connections.length < this.#spec.count) await this.#openSlice();
  }

  async #openSlice(): Promise<void> {
    let next = this.#connections.length;
    this.#connections.push(...(await openConnections(this.#spec.ports, Math.min(SLICE, this.#spec.count - next))));
    const worker = async () => {
      for (let at = next++; at < this.#connections.length; at = next++) await this.#prepare(at);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }

  async #prepare(at: number): Promise<void> {
    const connection = this.#connections[at];
    if (!connection) return;
    let sid = '';
    connection.keepsBodies = true;
    for (const request of this.#spec.before ?? []) {
      const reply = await roundTrip(connection, bytesOf(request, sid, at));
      sid ||= /"sid":"([^"]+)"/.exec(reply.body)?.[1] ?? '';
    }
    connection.keepsBodies = false;
    this.#polls[at] = bytesOf(this.#spec.poll, sid, at);
  }

  /** Sends every poll; the server counts whether they wait. */
  park(): void {
    this.#early = null;
    for (const [at, connection] of this.#connections.entries()) {
      const poll = this.#polls[at];
      connection.onReply = ({ status, head }) => {
        if (status === 204 && this.#spec.repeats && poll) connection.send(poll);
        else this.#early ??= `a poll that should wait was answered:\n${head}`;
      };
      connection.onLost = (error) => {
        this.#early ??= `a poll that should wait was lost: ${error.message}`;
      };
      if (poll) connection.send(poll);
    }
  }

  /** Returns the failure of a poll that should wait, or null. */
  get early(): string | null {
    return this.#early;
  }

  /** Sends the trigger and resolves when every poll has its response. */
  async wake({ port, trigger }: WakeSpec): Promise<WakeResult> {
    const messenger = new Connection(port);
    await messenger.opened();
    const count = this.#connections.length;
    const times = new Float64Array(count);
    let answered = 0;
    const loop = performance.eventLoopUtilization();
    const startedAt = performance.now();
    const done = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${answered} of ${count} polls were answered`)), LIMIT_MS);
      for (const connection of this.#connections) {
        connection.onLost = reject;
        connection.onReply = ({ status, head }) => {
          if (status !== 200) return reject(new Error(`a poll was answered ${head}`));
          times[answered++] = performance.now() - startedAt;
          if (answered < count) return;
          clearTimeout(timer);
          resolve();
        };
      }
    });
    messenger.send(bytesOf(trigger, '', 0));
    await done;
    const busy = performance.eventLoopUtilization(loop).utilization;
    messenger.destroy();
    return { first: quantile(times, 0), half: quantile(times, 0.5), last: quantile(times, 1), answered, busy };
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
    this.#connections = [];
  }
}

/** Replaces `{sid}`, `{user}` (1 to 1000, in turn) and `{waiter}` (a number of its own for each connection). */
function bytesOf({ method, path: template, body, headers }: RequestSpec, sid: string, at: number): Buffer {
  const path = template
    .replace('{sid}', sid)
    .replace('{user}', String(1 + (at % 1000)))
    .replace('{waiter}', String(1 + at));
  if (typeof body !== 'string') return requestBytes(method, path, body, headers);
  // The packets of engine.io are plain text, not JSON.
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain`;
  return Buffer.from(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function roundTrip(connection: Connection, request: Buffer): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), LIMIT_MS);
    connection.onLost = reject;
    connection.onReply = (reply) => {
      clearTimeout(timer);
      if (reply.status < 300) resolve(reply);
      else reject(new Error(`refused: ${reply.head}\n${reply.body}`));
    };
    connection.send(request);
  });
}
