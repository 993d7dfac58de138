/**
 * Runs a task, but never twice at once. All calls during a run share the next run, since the current one may have read too early
 * for them. So each caller gets a result that is at least as recent as its call, and no older result follows a newer one.
 */
export class SingleFlight<Result = void> {
  readonly #task: () => Promise<Result>;
  #next: Promise<Result> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #stopReason: unknown;

  constructor(task: () => Promise<Result>) {
    this.#task = task;
  }

  /** True while a run is requested that has not begun. */
  get isPending(): boolean {
    return this.#next !== null;
  }

  /** Settles with the next run. A caller may ignore the promise: its rejection is then dropped. */
  run(): Promise<Result> {
    if (this.#next === null) {
      this.#next = this.#last.then(() => this.#begin());
      this.#last = this.#next.catch(() => {});
    }
    return this.#next;
  }

  /** Rejects runs that have not begun, and all later ones, with `reason`. Resolves when the current run has ended. */
  async stop(reason: unknown): Promise<void> {
    this.#stopReason = reason;
    await this.#last;
  }

  #begin(): Promise<Result> {
    this.#next = null;
    return this.#stopReason === undefined ? this.#task() : Promise.reject(this.#stopReason);
  }
}
