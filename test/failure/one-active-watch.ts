import { setTimeout as pause } from 'node:timers/promises';
import { get } from '../support/http.ts';

/** What one node said of itself. The answer was true at some time from `asked` to `heard`. */
interface Sight {
  node: string;
  active: boolean;
  term: number;
  asked: number;
  heard: number;
}

/** A node that does not answer is not waited for: the others are to be seen meanwhile. */
const LIMIT_MS = 300;

/**
 * Asks every node in turn, all the time, whether it is on duty, and proves from the answers that there were never two:
 * a node that said so in one term before and after another one said so was on duty beside it.
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

  /** Ends the watch. @throws Error naming two nodes that were on duty at one time, or none seen at all. */
  async stop(): Promise<void> {
    const overlap = await this.end();
    if (this.#sights.length === 0) throw new Error('the watch has seen nothing');
    if (overlap) throw new Error(`two nodes on duty at one time: ${overlap}`);
  }

  /** Ends the watch and answers which two were on duty at one time; null where there were never two. */
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

/** Two spans of duty that overlap, as a sentence; null where there are none. A span is from the first answer's end to the last's question. */
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
