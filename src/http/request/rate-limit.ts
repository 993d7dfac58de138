import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { tooManyRequests } from '../http-error.ts';

/**
 * How many requests a client may make on this node, so that one that runs wild does not slow down the others. A client is
 * a signed-in user, else an address. Counted in memory: it guards this node, not a secret (see chat/sign-in-limits.ts).
 */
export class RateLimiter {
  readonly #limiter: RateLimiterMemory;

  constructor(perMinute: number) {
    // Six windows a minute: a client that was refused is let in again within ten seconds.
    this.#limiter = new RateLimiterMemory({ points: Math.ceil(perMinute / 6), duration: 10, keyPrefix: '' });
  }

  /** Counts one request of `client`. @throws {HttpError} 429 with the time until the window is over. */
  async count(client: string): Promise<void> {
    try {
      await this.#limiter.consume(client);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes)
        throw tooManyRequests('too many requests: slow down', refusal.msBeforeNext);
      throw refusal;
    }
  }
}
