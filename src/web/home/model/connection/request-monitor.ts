/// <reference lib="dom" />
import { allowedFetch } from '../../../shared/allowed-fetch.ts';
import { noteTime } from '../../../shared/node-time.ts';

/** The result of the last request for the state of a node. */
export interface ProbeResult {
  /** How long the response took, in milliseconds; undefined if there was none. */
  latencyMs: number | undefined;
  /** True if the request timed out; false if the connection failed, which proves that the node is down. */
  timedOut: boolean;
}

/** Watches the page's requests: each response shows that the network works. */
export class RequestMonitor {
  /** When the last response arrived, by performance.now(). */
  lastSign = Number.NEGATIVE_INFINITY;
  readonly #probes = new Map<string, ProbeResult>();

  /** Sends a request, and records how it ends. */
  readonly fetch: typeof fetch = async (input, init) => {
    const began = performance.now();
    const [, node] = /^(.*)\/health$/.exec(String(input)) ?? [];
    try {
      // A read mark is also sent while the page closes, and must outlive it.
      const response = await allowedFetch(input, { ...init, keepalive: String(input).endsWith('/read') });
      this.lastSign = performance.now();
      noteTime(response);
      if (node !== undefined) this.#probes.set(node, { latencyMs: this.lastSign - began, timedOut: false });
      return response;
    } catch (error) {
      const timedOut = init?.signal?.aborted === true;
      if (node !== undefined) this.#probes.set(node, { latencyMs: undefined, timedOut });
      throw error;
    }
  };

  /** Returns how the last request for the state of this node ended. */
  probe(url: string): ProbeResult | undefined {
    return this.#probes.get(url);
  }
}
