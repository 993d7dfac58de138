import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** One accepted post. Times are those of `performance.now()`. */
export interface Accepted {
  url: string;
  at: number;
  messageId: number;
}

/** A period in which no node accepted a post. */
export interface Gap {
  from: number;
  to: number;
  ms: number;
}

export interface GapMeterOptions {
  urls: readonly string[];
  userId: number;
  groupId: number;
  /** Milliseconds between two posts to a node, and so the precision of the gap; default 4. */
  everyMs?: number;
}

/** Deadline of a request, as on a frozen node; the next one starts only afterwards. */
const REQUEST_LIMIT_MS = 10_000;

/**
 * Posts to every node all the time, on one connection per node, each post once and with its own key. Records when posts are
 * accepted, and so for how long none was.
 */
export class GapMeter {
  readonly #options: GapMeterOptions;
  readonly #agents = new Map<string, http.Agent>();
  readonly #accepted: Accepted[] = [];
  #isStopped = false;
  #posting: Promise<unknown> = Promise.resolve();

  constructor(options: GapMeterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.#posting = Promise.all(this.#options.urls.map((url) => this.#postTo(url)));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const agent of this.#agents.values()) agent.destroy();
    await this.#posting;
  }

  /** Returns the posts accepted since `since`, in the order of their responses. */
  accepted(since = 0): Accepted[] {
    return this.#accepted.filter(({ at }) => at >= since);
  }

  /** Returns the longest time without an accepted post that ended after `since`, up to the last accepted post. */
  longestGap(since: number): Gap {
    let longest: Gap = { from: since, to: since, ms: 0 };
    let last = this.#accepted[0]?.at ?? since;
    for (const { at } of this.#accepted) {
      if (at > since && at - last > longest.ms) longest = { from: last, to: at, ms: at - last };
      last = at;
    }
    return longest;
  }

  async #postTo(url: string): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.#agents.set(url, agent);
    for (let due = performance.now(); !this.#isStopped; due += this.#options.everyMs ?? 4) {
      const messageId = await this.#post(url, agent);
      if (messageId !== null) this.#accepted.push({ url, at: performance.now(), messageId });
      const wait = due - performance.now();
      if (wait < -100) due = performance.now();
      await sleep(Math.max(1, wait));
    }
    agent.destroy();
  }

  /** Returns the message's id, or null for any other outcome. */
  #post(url: string, agent: http.Agent): Promise<number | null> {
    const { userId, groupId } = this.#options;
    const body = JSON.stringify({ userId, groupId, content: 'active' });
    const headers = {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'idempotency-key': randomUUID(),
    };
    return new Promise((resolve) => {
      const request = http.request(`${url}/messages`, { method: 'POST', agent, headers, timeout: REQUEST_LIMIT_MS });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(null));
      request.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', () => resolve(null));
        response.on('end', () => resolve(response.statusCode === 200 ? Number(JSON.parse(text).message_id) : null));
      });
      request.end(body);
    });
  }
}
