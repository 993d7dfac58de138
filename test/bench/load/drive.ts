import { performance } from 'node:perf_hooks';
import { latencyOf } from '../common/statistics.ts';
import { type Connection, openConnections, type Reply, requestBytes } from './connection.ts';
import type { DriveResult, DriveSpec } from './requests.ts';

const MAX_SAMPLES = 2_000_000;

/** Sends requests and measures; see {@link DriveSpec}. */
export async function drive(spec: DriveSpec): Promise<DriveResult> {
  const connections = await openConnections(spec.ports, spec.connections);
  const requests = spec.requests.map((one) => requestBytes(one.method, one.path, one.body, one.headers));
  const run = new Run(connections, requests, spec);
  try {
    return await run.measure();
  } finally {
    for (const connection of connections) connection.destroy();
  }
}

class Run {
  readonly #connections: Connection[];
  readonly #requests: Buffer[];
  readonly #spec: DriveSpec;
  readonly #times = new Float64Array(MAX_SAMPLES);
  readonly #idle: number[] = [];
  readonly #meantAt: Float64Array;
  #due: number[] = [];
  #dueFrom = 0;
  #next = 0;
  #samples = 0;
  #from = Number.POSITIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;
  #refused: Record<string, number> = {};
  #failure: Error | null = null;

  constructor(connections: Connection[], requests: Buffer[], spec: DriveSpec) {
    this.#connections = connections;
    this.#requests = requests;
    this.#spec = spec;
    this.#meantAt = new Float64Array(connections.length);
  }

  async measure(): Promise<DriveResult> {
    const { warmupMs, forMs, rate } = this.#spec;
    this.#from = performance.now() + warmupMs;
    this.#until = this.#from + forMs;
    for (const [at, connection] of this.#connections.entries()) {
      connection.onReply = (reply) => this.#answered(at, reply);
      connection.onLost = (error) => {
        this.#failure ??= error;
      };
      if (rate === undefined) this.#send(at, performance.now());
      else this.#idle.push(at);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    const stopSchedule = rate === undefined ? () => {} : this.#schedule(rate);
    await new Promise((resolve) => setTimeout(resolve, warmupMs));
    const loop = performance.eventLoopUtilization();
    await new Promise((resolve) => setTimeout(resolve, this.#until - performance.now()));
    const busy = performance.eventLoopUtilization(loop).utilization;
    stopSchedule();
    if (this.#failure) throw this.#failure;
    const latency = latencyOf(this.#times.slice(0, this.#samples));
    const perSecond = (this.#samples * 1000) / forMs;
    return { perSecond, answered: this.#samples, refused: this.#refused, latency, busy };
  }

  #send(at: number, meantAt: number): void {
    this.#meantAt[at] = meantAt;
    const request = this.#requests[this.#next++ % this.#requests.length];
    if (request) this.#connections[at]?.send(request);
  }

  #answered(at: number, reply: Reply): void {
    const now = performance.now();
    if (now >= this.#from && now < this.#until && this.#samples < MAX_SAMPLES) {
      this.#times[this.#samples++] = now - (this.#meantAt[at] ?? now);
      if (reply.status >= 300) this.#refused[reply.status] = (this.#refused[reply.status] ?? 0) + 1;
    }
    if (now >= this.#until) return;
    const due = this.#due[this.#dueFrom];
    if (this.#spec.rate === undefined) this.#send(at, now);
    else if (due === undefined) this.#idle.push(at);
    else {
      this.#dueFrom++;
      this.#send(at, due);
    }
  }

  /** Sends requests when they are due; without a free connection they queue, and their time counts from when they were due. */
  #schedule(rate: number): () => void {
    let dueAt = performance.now();
    const tick = () => {
      const now = performance.now();
      for (; dueAt <= now; dueAt += 1000 / rate) {
        const at = this.#idle.pop();
        if (at === undefined) this.#due.push(dueAt);
        else this.#send(at, dueAt);
      }
      if (this.#dueFrom > 10_000) {
        this.#due = this.#due.slice(this.#dueFrom);
        this.#dueFrom = 0;
      }
    };
    const timer = setInterval(tick, 1);
    return () => clearInterval(timer);
  }
}
