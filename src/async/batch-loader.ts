interface PendingLoad<Value> {
  promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** Collects requests by key, so that one statement serves many. The owner calls {@link runBatch} when the next statement may run. */
export class BatchLoader<Key, Value> {
  readonly #pending = new Map<Key, PendingLoad<Value>>();

  /** The number of keys that wait for a batch. */
  get size(): number {
    return this.#pending.size;
  }

  /** Returns the value of `key` from a later batch. Requests for the same key until then share one result. */
  enqueue(key: Key): Promise<Value> {
    const pending = this.#pending.get(key) ?? newPendingLoad<Value>();
    this.#pending.set(key, pending);
    return pending.promise;
  }

  /**
   * Takes up to `maxKeys` keys, the oldest first, and calls `run` once with them; `run` returns a function from key to value. If
   * `run` rejects, all these requests reject; if the function throws for a key, its requests reject. Never rejects itself.
   */
  async runBatch(maxKeys: number, run: (keys: Key[]) => Promise<(key: Key) => Value>): Promise<void> {
    const batch = [...this.#pending].slice(0, maxKeys);
    for (const [key] of batch) this.#pending.delete(key);
    try {
      const valueFor = await run(batch.map(([key]) => key));
      for (const [key, { resolve, reject }] of batch) {
        try {
          resolve(valueFor(key));
        } catch (error) {
          reject(error);
        }
      }
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
    }
  }

  /** Rejects all requests that wait for a batch. */
  rejectAll(error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function newPendingLoad<Value>(): PendingLoad<Value> {
  let resolve: PendingLoad<Value>['resolve'] = () => {};
  let reject: PendingLoad<Value>['reject'] = () => {};
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
