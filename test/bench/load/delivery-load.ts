import { performance } from 'node:perf_hooks';
import { type Connection, openConnections, type Reply, requestBytes } from './connection.ts';
import { untilPollsWait } from './polls-wait.ts';
import type { DeliveryResult, DeliverySpec } from './requests.ts';

const POSTING_CONNECTIONS = 64;
/** Time after the last message for those still in transit. */
const SETTLE_MS = 10_000;
const TEXT = '"content":"carried ';
const CURSOR = '"cursor":"';

/** Lags by millisecond; longer ones count as the last. */
class Lags {
  readonly #bins = new Uint32Array(20_000);
  #count = 0;

  add(ms: number): void {
    const bin = Math.min(this.#bins.length - 1, Math.max(0, Math.floor(ms)));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    this.#count++;
  }

  quantile(share: number): number {
    let seen = 0;
    for (const [ms, count] of this.#bins.entries()) {
      seen += count;
      if (seen >= share * this.#count) return ms + 1;
    }
    return Number.NaN;
  }
}

interface DeliveryWaiter {
  connection: Connection;
  cursor: string;
  /** The position of the last event it received; 0 before the first. */
  position: number;
  heard: number;
}

/** Delivers messages to waiters that continue with their cursors; see {@link DeliverySpec}. */
export async function deliveryLoad(spec: DeliverySpec): Promise<DeliveryResult> {
  const waiting = await openConnections(spec.ports, spec.waiters);
  const posting = await openConnections([spec.postPort], POSTING_CONNECTIONS);
  const run = new DeliveryRun(spec, waiting, posting);
  try {
    return await run.measure();
  } finally {
    for (const connection of [...waiting, ...posting]) connection.destroy();
  }
}

class DeliveryRun {
  readonly #spec: DeliverySpec;
  readonly #waiters: DeliveryWaiter[];
  readonly #idle: Connection[];
  /** Returns when message number n was due. */
  readonly #meantAt: number[] = [];
  readonly #queue: number[] = [];
  readonly #lags = { first: new Lags(), last: new Lags(), all: new Lags() };
  #carried = 0;
  #missing = 0;
  #doubled = 0;
  #failure: Error | null = null;

  constructor(spec: DeliverySpec, waiting: Connection[], posting: Connection[]) {
    this.#spec = spec;
    this.#waiters = waiting.map((connection) => ({ connection, cursor: '', position: 0, heard: 0 }));
    this.#idle = posting;
    const fail = (error: Error) => {
      this.#failure ??= error;
    };
    for (const connection of posting) {
      connection.onLost = fail;
      connection.onReply = ({ status, head }) => {
        if (status >= 300) fail(new Error(`a post was answered ${head}`));
        this.#idle.push(connection);
        const due = this.#queue.shift();
        if (due !== undefined) this.#post(due);
      };
    }
    for (const waiter of this.#waiters) {
      waiter.connection.keepsBodies = true;
      waiter.connection.onLost = fail;
      waiter.connection.onReply = (reply) => this.#heard(waiter, reply);
    }
  }

  async measure(): Promise<DeliveryResult> {
    const { ports, rate, forMs, waiters } = this.#spec;
    for (const waiter of this.#waiters) this.#poll(waiter);
    await untilPollsWait(ports, waiters);
    const loop = performance.eventLoopUtilization();
    const startedAt = performance.now();
    let due = 0;
    const timer = setInterval(() => {
      for (; startedAt + (due * 1000) / rate <= performance.now() && due < (rate * forMs) / 1000; due++) {
        this.#meantAt[due] = startedAt + (due * 1000) / rate;
        this.#post(due);
      }
    }, 1);
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const { utilization: busy } = performance.eventLoopUtilization(loop);
    const deliveredPerSecond = (this.#carried * 1000) / forMs;
    const wanted = Math.ceil((rate * forMs) / 1000);
    const settled = () => due >= wanted && this.#carried >= due * waiters;
    const until = performance.now() + SETTLE_MS;
    while (!settled() && !this.#failure && performance.now() < until) await new Promise((r) => setTimeout(r, 20));
    clearInterval(timer);
    if (this.#failure) throw this.#failure;
    return {
      posted: due,
      deliveredPerSecond,
      lagFirst: this.#lags.first.quantile(0.5),
      lagLast: this.#lags.last.quantile(0.5),
      lagP99: this.#lags.all.quantile(0.99),
      missing: this.#missing + (due * waiters - this.#carried),
      doubled: this.#doubled,
      busy,
    };
  }

  #post(number: number): void {
    const connection = this.#idle.pop();
    if (!connection) this.#queue.push(number);
    else connection.send(requestBytes('POST', '/messages', { ...this.#spec.post, content: `carried ${number}` }));
  }

  #poll({ connection, cursor }: DeliveryWaiter): void {
    connection.send(requestBytes('GET', `${this.#spec.pollPath}${cursor && `&cursor=${cursor}`}`));
  }

  #heard(waiter: DeliveryWaiter, { status, head, body }: Reply): void {
    if (status === 204) waiter.cursor = /\r\ncursor: (\S+)/i.exec(head)?.[1] ?? waiter.cursor;
    else if (status === 200) this.#readEvents(waiter, body);
    else this.#failure ??= new Error(`a poll was answered ${head}\n${body}`);
    this.#poll(waiter);
  }

  #readEvents(waiter: DeliveryWaiter, body: string): void {
    const now = performance.now();
    const events = body.indexOf('"events":[');
    let at = body.indexOf(TEXT, events);
    for (; at >= 0; at = body.indexOf(TEXT, at + TEXT.length)) {
      const meantAt = this.#meantAt[Number.parseInt(body.slice(at + TEXT.length, at + TEXT.length + 10), 10)] ?? now;
      const third = (meantAt - (this.#meantAt[0] ?? 0)) / this.#spec.forMs;
      this.#lags.all.add(now - meantAt);
      if (third < 1 / 3) this.#lags.first.add(now - meantAt);
      else if (third >= 2 / 3) this.#lags.last.add(now - meantAt);
      this.#carried++;
    }
    // Only the bench posts here, so each event's position is one more than the last one's.
    for (at = body.indexOf(CURSOR, events); at >= 0; at = body.indexOf(CURSOR, at + CURSOR.length)) {
      const position = Number.parseInt(body.slice(at + CURSOR.length + 13, at + CURSOR.length + 30), 10);
      if (waiter.position > 0 && position <= waiter.position) this.#doubled++;
      else if (waiter.position > 0) this.#missing += position - waiter.position - 1;
      waiter.position = position;
    }
    waiter.cursor = /"cursor":"([^"]+)"/.exec(body.slice(0, events))?.[1] ?? waiter.cursor;
  }
}
