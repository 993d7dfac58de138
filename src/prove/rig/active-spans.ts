/** One health response of a node. It was true at some time between `sentAt` and `receivedAt`, in milliseconds of one clock. */
export interface Sighting {
  node: string;
  active: boolean;
  term: number;
  sentAt: number;
  receivedAt: number;
}

/** The time in which a node was certainly active in a term: from the end of the first response to the last request. */
interface Span {
  name: string;
  from: number;
  to: number;
}

/**
 * The times in which nodes were active, according to the responses of their `/health`. Keeps one span for each node and term,
 * however many responses there are: a run may last a day.
 */
export class ActiveSpans {
  readonly #spans = new Map<string, Span>();
  #observed = 0;

  /** The number of responses, of active nodes and others. */
  get observed(): number {
    return this.#observed;
  }

  /** The number of spans that are kept. */
  get size(): number {
    return this.#spans.size;
  }

  add({ node, active, term, sentAt, receivedAt }: Sighting): void {
    this.#observed++;
    if (!active) return;
    const name = `${node} in term ${term}`;
    const span = this.#spans.get(name);
    if (span) span.to = Math.max(span.to, sentAt);
    else this.#spans.set(name, { name, from: receivedAt, to: sentAt });
  }

  /** Returns two nodes that were active at the same time, or null. */
  overlap(): string | null {
    const inOrder = [...this.#spans.values()].sort((one, other) => one.from - other.from);
    for (const [at, one] of inOrder.entries()) {
      for (const other of inOrder.slice(at + 1)) {
        if (other.from < one.to && one.from < other.to) return `${one.name} and ${other.name}`;
      }
    }
    return null;
  }
}
