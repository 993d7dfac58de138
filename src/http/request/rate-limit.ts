import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { tooManyRequests } from '../http-error.ts';

/**
 * Limits the requests of each client on this node, so that one client does not slow down the others. A client is a signed-in
 * user, otherwise an address. Counted in memory, because it protects this node and not a secret (chat/auth/sign-in-limits.ts).
 */
export class RateLimiter {
  readonly #limiter: RateLimiterMemory;

  constructor(perMinute: number) {
    // Six windows a minute: a client that was refused may call again within ten seconds.
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
