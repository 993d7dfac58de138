import { setTimeout as sleep } from 'node:timers/promises';
import { get } from '../http.ts';
import { ActiveSpans } from './active-spans.ts';

/** A node that does not respond must not delay the requests to the others. */
const LIMIT_MS = 300;

/**
 * Requests every node's `/health` in turn, continuously, and proves from the responses that there were never two active nodes:
 * if a node was active in one term both before and after another one was active, both were active at the same time.
 */
export class OneActiveWatch {
  readonly #urls: readonly string[];
  readonly #everyMs: number;
  readonly #spans = new ActiveSpans();
  #isStopped = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(urls: readonly string[], everyMs = 10) {
    this.#urls = urls;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#watching = this.#watch();
  }

  /** Ends the watch. @throws Error naming two nodes that were active at the same time, or if nothing was observed. */
  async stop(): Promise<void> {
    const overlap = await this.end();
    if (this.#spans.observed === 0) throw new Error('the watch has observed nothing');
    if (overlap) throw new Error(`two nodes were active at the same time: ${overlap}`);
  }

  /** Ends the watch and returns two nodes that were active at the same time, or null. */
  async end(): Promise<string | null> {
    this.#isStopped = true;
    await this.#watching;
    return this.#spans.overlap();
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      for (const url of this.#urls) await this.#observe(url);
      await sleep(this.#everyMs);
    }
  }

  async #observe(url: string): Promise<void> {
    const sentAt = performance.now();
    const response = await get(`${url}/health`, { deadline: LIMIT_MS }).catch(() => null);
    if (response === null || typeof response.body?.active !== 'boolean') return;
    const { node, active, term } = response.body as { node: string; active: boolean; term: number | null };
    this.#spans.add({ node, active, term: term ?? 0, sentAt, receivedAt: performance.now() });
  }
}
