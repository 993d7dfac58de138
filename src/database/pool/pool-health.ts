import { type DatabaseUnavailableError, reasonOf } from '../errors.ts';

/** Records whether the pool can open connections. */
export class PoolHealth {
  #open = 0;
  #failure: DatabaseUnavailableError | null = null;

  /** Why no request can use the database: no connection is open, and the last attempt to open one failed. Null otherwise. */
  get problem(): string | null {
    if (this.#open > 0 || this.#failure === null) return null;
    return `requests cannot use the database: ${reasonOf(this.#failure)}`;
  }

  readonly opened = (): void => {
    this.#open += 1;
    this.#failure = null;
  };

  readonly closed = (): void => {
    this.#open -= 1;
  };

  readonly cannotOpen = (error: DatabaseUnavailableError): void => {
    this.#failure = error;
  };
}
