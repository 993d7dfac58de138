import { SessionLostError } from './database/session/session.ts';

interface Round {
  promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Runs one piece of work again and again, one at a time, as often as somebody asks and no oftener: all who ask while a
 * round is under way share the next one, since the present one may have looked already.
 */
export class SingleFlight {
  readonly #work: () => Promise<void>;
  #next: Round | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** True where a round is asked for that has not begun. */
  get isPending(): boolean {
    return this.#next !== null;
  }

  /** Settles as the next round does that begins from now on. Harmless to leave alone: a failure nobody waits for is dropped. */
  run(): Promise<void> {
    if (this.#stopped) return Promise.reject(new SessionLostError('the node is stopping'));
    this.#next ??= newRound();
    const { promise } = this.#next;
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when the round under way has ended; those that wait for another are refused. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Whoever asks within this turn of the event loop is part of the first round.
    await Promise.resolve();
    for (let round = this.#next; round; round = this.#next) {
      this.#next = null;
      if (this.#stopped) round.reject(new SessionLostError('the node is stopping'));
      else await this.#work().then(round.resolve, round.reject);
    }
    // In the same turn as the last look at what is wanted, so that no asking falls in between.
    this.#running = null;
  }
}

function newRound(): Round {
  let resolve = () => {};
  let reject = (_error: unknown) => {};
  const promise = new Promise<void>((onDone, onFailed) => {
    resolve = onDone;
    reject = onFailed;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
