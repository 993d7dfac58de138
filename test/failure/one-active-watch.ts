import { setTimeout as pause } from 'node:timers/promises';
import { get } from '../support/http.ts';

/** One response of a node, which was true at some time between `asked` and `heard`. */
interface Sight {
  node: string;
  active: boolean;
  term: number;
  asked: number;
  heard: number;
}

/** Deadline of a request: while one node does not respond, the others must be watched. */
const LIMIT_MS = 300;

/**
 * Polls whether each node is active, and proves from the responses that there were never two: a node that reported a term
 * before and after another node reported being active was active at the same time.
 */
export class OneActiveWatch {
  readonly #urls: readonly string[];
  readonly #everyMs: number;
  readonly #sights: Sight[] = [];
  #isStopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(urls: readonly string[], everyMs = 10) {
    this.#urls = urls;
    this.#everyMs = everyMs;
  }

  start(): void {
    this.#looking = this.#look();
  }

  /** Ends the watch. @throws Error if two nodes were active at one time, or if no node ever responded. */
  async stop(): Promise<void> {
    const overlap = await this.end();
    if (this.#sights.length === 0) throw new Error('no node responded to the watch');
    if (overlap) throw new Error(`two nodes were active at one time: ${overlap}`);
  }

  /** Ends the watch and returns two nodes that were active at one time, or null. */
  async end(): Promise<string | null> {
    this.#isStopped = true;
    await this.#looking;
    return overlapOf(this.#sights.filter(({ active }) => active));
  }

  async #look(): Promise<void> {
    while (!this.#isStopped) {
      for (const url of this.#urls) await this.#ask(url);
      await pause(this.#everyMs);
    }
  }

  async #ask(url: string): Promise<void> {
    const asked = performance.now();
    const answer = await get(`${url}/health`, { deadline: LIMIT_MS }).catch(() => null);
    if (answer === null || typeof answer.body?.active !== 'boolean') return;
    const { node, active, term } = answer.body as { node: string; active: boolean; term: number | null };
    this.#sights.push({ node, active, term: term ?? 0, asked, heard: performance.now() });
  }
}

/** Returns two overlapping active times as text, or null. A time spans from the end of the first response to the start of the last request. */
function overlapOf(active: readonly Sight[]): string | null {
  const spans = new Map<string, { name: string; from: number; to: number }>();
  for (const { node, term, asked, heard } of active) {
    const name = `${node} in term ${term}`;
    const span = spans.get(name);
    if (span) span.to = Math.max(span.to, asked);
    else spans.set(name, { name, from: heard, to: asked });
  }
  const inOrder = [...spans.values()].sort((one, other) => one.from - other.from);
  for (const [at, one] of inOrder.entries()) {
    for (const other of inOrder.slice(at + 1)) {
      if (other.from < one.to && one.from < other.to) return `${one.name} and ${other.name}`;
    }
  }
  return null;
}
