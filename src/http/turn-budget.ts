/**
 * The time in which requests may begin in one turn of the event loop, in milliseconds: enough for a hundred ordinary ones. Timers and
 * other sockets wait that long, and until the last request that began has been handled.
 */
const BUDGET_MS = 10;

/** A connection with requests that have not begun. */
export interface PendingConnection {
  /** Begins one request. Returns true if there are more that may begin. */
  beginNext(): boolean;
}

/**
 * Divides the handling of requests into turns of the event loop. Node emits all pipelined requests of a connection in one turn,
 * and each response begins the next one: without this, a client with a thousand requests for a page that is built at once (such
 * as /metrics) stops the node for seconds, and the active node loses its role. Connections begin their requests round robin.
 */
export class TurnBudget {
  readonly #waiting = new Set<PendingConnection>();
  /** The time when the first request of this turn began; null if none has. */
  #startedAt: number | null = null;

  /** Begins the requests of a connection, now or in the next turns. */
  begin(connection: PendingConnection): void {
    if (this.#waiting.has(connection)) return;
    while (this.#hasTime()) if (!connection.beginNext()) return;
    this.#waiting.add(connection);
  }

  #hasTime(): boolean {
    if (this.#startedAt !== null) return performance.now() - this.#startedAt < BUDGET_MS;
    this.#startedAt = performance.now();
    setImmediate(() => this.#nextTurn());
    return true;
  }

  #nextTurn(): void {
    this.#startedAt = null;
    // Those that are added meanwhile come at the end, and are visited too.
    for (const connection of this.#waiting) {
      if (!this.#hasTime()) return;
      this.#waiting.delete(connection);
      if (connection.beginNext()) this.#waiting.add(connection);
    }
  }
}
