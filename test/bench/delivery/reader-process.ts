/*
 * The clients of bench:delivery: a separate process that posts to one node and polls the other. One clock measures both, so
 * the time between the response to a post and the response to a poll is exact.
 */
import { performance } from 'node:perf_hooks';
import { registerHandlers } from '../common/probe.ts';
import { latencyOf } from '../common/statistics.ts';
import { type Connection, openConnections, type Reply, requestBytes } from '../load/connection.ts';
import { untilPollsWait } from '../load/polls-wait.ts';

/** A measurement. Users 1 to `waiters` wait, in consecutive groups of `groupSize`. */
export interface DeliverySpec {
  postPort: number;
  /** The waiters are spread over these. */
  waitPorts: number[];
  waiters: number;
  groupSize: number;
  rate: number;
  /** Messages of this period are not timed: programs are slow just after their start. */
  warmUpMs: number;
  forMs: number;
  /** The start position of the waiters. */
  cursor: string;
}

/** Milliseconds from the response to a post until a waiter received the message; negative if the waiter was first. */
export interface DeliveryResult {
  p50: number;
  p95: number;
  p99: number;
  max: number;
  /** From sending the post to its response. */
  postP50: number;
  delivered: number;
  missing: number;
  duplicates: number;
  /** Deliveries per second of the node that is polled. */
  perSecond: number;
  busy: number;
}

const POSTING_CONNECTIONS = 64;
const SETTLE_MS = 10_000;
const TEXT = '"content":"delivery ';

interface Waiter {
  connection: Connection;
  userId: number;
  cursor: string;
  received: Set<number>;
}

async function measure(spec: DeliverySpec): Promise<DeliveryResult> {
  const waiting = await openConnections(spec.waitPorts, spec.waiters);
  const posting = await openConnections([spec.postPort], POSTING_CONNECTIONS);
  try {
    return await new Delivery(spec, waiting, posting).run();
  } finally {
    for (const connection of [...waiting, ...posting]) connection.destroy();
  }
}

class Delivery {
  readonly #spec: DeliverySpec;
  readonly #waiting: Waiter[];
  readonly #idle: Connection[];
  readonly #queue: number[] = [];
  readonly #sentAt: number[] = [];
  readonly #acknowledgedAt: number[] = [];
  readonly #received: { message: number; at: number }[] = [];
  #duplicates = 0;
  #failure: Error | null = null;

  constructor(spec: DeliverySpec, waiting: Connection[], posting: Connection[]) {
    this.#spec = spec;
    this.#idle = posting;
    this.#waiting = waiting.map((connection, at) => ({
      ...{ connection, userId: at + 1, cursor: spec.cursor },
      received: new Set<number>(),
    }));
    const fail = (error: Error) => {
      this.#failure ??= error;
    };
    for (const connection of posting) connection.onLost = fail;
    for (const one of this.#waiting) {
      one.connection.keepsBodies = true;
      one.connection.onLost = fail;
      one.connection.onReply = (reply) => this.#receive(one, reply);
    }
  }

  async run(): Promise<DeliveryResult> {
    const { rate, warmUpMs, forMs, groupSize, waitPorts } = this.#spec;
    for (const one of this.#waiting) this.#poll(one);
    await untilPollsWait(waitPorts, this.#waiting.length);
    const loop = performance.eventLoopUtilization();
    const startedAt = performance.now();
    const wanted = Math.floor((rate * (warmUpMs + forMs)) / 1000);
    const first = Math.floor((rate * warmUpMs) / 1000);
    let due = 0;
    const timer = setInterval(() => {
      for (; due < wanted && startedAt + (due * 1000) / rate <= performance.now(); due++) this.#post(due);
    }, 1);
    const until = startedAt + warmUpMs + forMs + SETTLE_MS;
    const isOver = () => due >= wanted && this.#received.length >= wanted * groupSize;
    while (!isOver() && !this.#failure && performance.now() < until) await new Promise((r) => setTimeout(r, 20));
    const tookMs = performance.now() - startedAt;
    clearInterval(timer);
    if (this.#failure) throw this.#failure;
    const { utilization: busy } = performance.eventLoopUtilization(loop);
    const timed = this.#received.filter(({ message }) => message >= first);
    const times = Float64Array.from(timed, ({ message, at }) => at - (this.#acknowledgedAt[message] ?? Number.NaN));
    const posts = Float64Array.from(this.#acknowledgedAt, (at, message) => at - (this.#sentAt[message] ?? Number.NaN));
    return {
      ...latencyOf(times),
      postP50: latencyOf(posts.subarray(first)).p50,
      delivered: this.#received.length,
      missing: wanted * groupSize - this.#received.length,
      duplicates: this.#duplicates,
      perSecond: (this.#received.length * 1000) / tookMs,
      busy,
    };
  }

  #post(message: number): void {
    const connection = this.#idle.pop();
    if (!connection) {
      this.#queue.push(message);
      return;
    }
    const { groupSize, waiters } = this.#spec;
    const groupId = 1 + (message % Math.floor(waiters / groupSize));
    connection.onReply = ({ status, head }) => {
      this.#acknowledgedAt[message] = performance.now();
      if (status !== 200) this.#failure ??= new Error(`unexpected response to a post: ${head}`);
      this.#idle.push(connection);
      const next = this.#queue.shift();
      if (next !== undefined) this.#post(next);
    };
    this.#sentAt[message] = performance.now();
    const body = { userId: groupId * groupSize, groupId, content: `delivery ${message} ` };
    connection.send(requestBytes('POST', '/messages', body));
  }

  #poll({ connection, userId, cursor }: Waiter): void {
    connection.send(requestBytes('GET', `/subscribe/user?user_id=${userId}&timeout=55&cursor=${cursor}`));
  }

  #receive(one: Waiter, { status, head, body }: Reply): void {
    const at = performance.now();
    if (status === 204) one.cursor = /\r\ncursor: (\S+)/i.exec(head)?.[1] ?? one.cursor;
    else if (status === 200) {
      const events = body.indexOf('"events":[');
      for (let from = body.indexOf(TEXT, events); from >= 0; from = body.indexOf(TEXT, from + TEXT.length)) {
        this.#count(one, Number.parseInt(body.slice(from + TEXT.length, from + TEXT.length + 10), 10), at);
      }
      one.cursor = /"cursor":"([^"]+)"/.exec(body)?.[1] ?? one.cursor;
    } else this.#failure ??= new Error(`unexpected response to a poll: ${head}\n${body}`);
    this.#poll(one);
  }

  #count(one: Waiter, message: number, at: number): void {
    if (one.received.has(message)) this.#duplicates++;
    else {
      one.received.add(message);
      this.#received.push({ message, at });
    }
  }
}

/** Reads from far behind to the head of the log, page by page. */
async function catchUp(spec: { port: number; cursor: string; events: number }): Promise<Record<string, number>> {
  const [connection] = await openConnections([spec.port], 1);
  if (!connection) throw new Error('no connection');
  connection.keepsBodies = true;
  const pages: number[] = [];
  let cursor = spec.cursor;
  let events = 0;
  let bytes = 0;
  const startedAt = performance.now();
  while (events < spec.events) {
    const at = performance.now();
    const reply = await new Promise<Reply>((resolve, reject) => {
      connection.onReply = resolve;
      connection.onLost = reject;
      connection.send(requestBytes('GET', `/subscribe/user?user_id=1&timeout=20&cursor=${cursor}`));
    });
    if (reply.status !== 200) throw new Error(`unexpected response to a page: ${reply.head}`);
    pages.push(performance.now() - at);
    const body = JSON.parse(reply.body) as { cursor: string; events: unknown[] };
    events += body.events.length;
    bytes = Math.max(bytes, reply.body.length);
    cursor = body.cursor;
  }
  connection.destroy();
  const { p50, max } = latencyOf(Float64Array.from(pages));
  return { all: performance.now() - startedAt, pages: pages.length, page: p50, slowest: max, kilobytes: bytes / 1024 };
}

registerHandlers({ measure, catchUp });
process.channel?.ref();
console.log('ready');
