import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../../../chat/auth/client-network.ts';
import { tooManyRequests } from '../../http-error.ts';
import { clientAddressOf } from './client-address.ts';

/** Six windows per minute: a client that was refused is admitted again within ten seconds. */
const WINDOW_S = 10;
const WINDOWS_PER_MINUTE = 60 / WINDOW_S;

/** The largest payload of a notification, in bytes. */
export const PAYLOAD_LIMIT = 64 * 1024;

/** Returns the key under which a client is counted: its user if it is known, otherwise the network of its address. */
export function clientKey(userId: number | null, request: Request): string {
  return userId === null ? networkOf(clientAddressOf(request)) : `user:${userId}`;
}

/**
 * Limits what one client may use of this node in a minute (requests, bytes), so that it does not slow down the others. Counts in
 * memory: it protects this node, not a secret (see chat/auth/sign-in-limits.ts).
 */
export class RateLimiter {
  readonly #limiter: RateLimiterMemory;
  readonly #what: string;

  /** `what` names in the error what is counted. A window admits at least `atLeast` points, so that the largest request is possible. */
  constructor(what: string, perMinute: number, atLeast = 1) {
    const points = Math.max(Math.ceil(perMinute / WINDOWS_PER_MINUTE), atLeast);
    this.#limiter = new RateLimiterMemory({ points, duration: WINDOW_S, keyPrefix: '' });
    this.#what = what;
  }

  /** Counts `points` of a client. @throws {HttpError} 429 with the time until the window ends. */
  async count(client: string, points = 1): Promise<void> {
    try {
      await this.#limiter.consume(client, points);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes)
        throw tooManyRequests(`too many ${this.#what}: slow down`, refusal.msBeforeNext);
      throw refusal;
    }
  }
}

/** Limits the notifications of one client, by their number and by the bytes of their payloads; 0 means no limit. */
export class NotificationLimits {
  readonly #count: RateLimiter | null;
  readonly #bytes: RateLimiter | null;

  constructor(perMinute: number, bytesPerMinute: number) {
    this.#count = perMinute > 0 ? new RateLimiter('notifications', perMinute) : null;
    this.#bytes = bytesPerMinute > 0 ? new RateLimiter('bytes of notifications', bytesPerMinute, PAYLOAD_LIMIT) : null;
  }

  /** Counts one notification of a client. @throws {HttpError} 429. */
  async count(client: string, bytes: number): Promise<void> {
    await this.#count?.count(client);
    await this.#bytes?.count(client, bytes);
  }
}
