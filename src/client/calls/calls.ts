import { decodeBody } from '../decoding.ts';
import { ChatError } from '../errors.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';
import type { CallOptions, ClusterConnection, WriteOptions } from '../requests/cluster-connection.ts';
import type { ApiRequest } from '../requests/single-request.ts';

/** A write to the active node, and how it may be repeated. */
export interface WriteRequest extends WriteOptions {
  method?: ApiRequest['method'];
  body?: unknown;
  headers?: Record<string, string>;
}

/** Sends the requests of one client for its signed-in user, and decodes their responses. */
export class Calls {
  readonly connection: ClusterConnection;
  /** The signed-in user; undefined before the login. */
  userId: number | undefined;

  constructor(connection: ClusterConnection, userId: number | undefined) {
    this.connection = connection;
    this.userId = userId;
  }

  /** Returns the id of the signed-in user. @throws {ChatError} not_signed_in. */
  me(): number {
    if (this.userId !== undefined) return this.userId;
    throw new ChatError('not signed in: call login() or register() first', { code: 'not_signed_in' });
  }

  /** Reads from any node. The body of the response must have `field`. */
  async read<T extends object>(
    path: string,
    query: NonNullable<ApiRequest['query']>,
    field: keyof T & string,
    options: CallOptions,
  ): Promise<T> {
    return decodeBody<T>(await this.connection.read({ method: 'GET', path, query }, options), field);
  }

  /** Reads from any node with a POST: the request contains a secret, which must not be part of a URL. */
  async readByPost<T extends object>(
    path: string,
    body: unknown,
    field: keyof T & string,
    options: CallOptions,
  ): Promise<T> {
    return decodeBody<T>(await this.connection.read({ method: 'POST', path, body }, options), field);
  }

  /**
   * Writes to the active node. A POST carries an idempotency key, so that its retries have one effect; other methods are repeatable.
   * A request with `repeatable: false` has no key. The body of the response must have `field`.
   */
  async write<T extends object>(
    path: string,
    request: WriteRequest,
    field: keyof T & string,
    options: CallOptions,
  ): Promise<T> {
    return decodeBody<T>(await this.#send(path, request, options), field);
  }

  /** Like {@link write}, for requests whose response only confirms their success. */
  async execute(path: string, request: WriteRequest, options: CallOptions): Promise<void> {
    const response = await this.#send(path, request, options);
    // A retry gets an error if an earlier attempt was executed: see `alreadyDoneCodes`.
    if (response.status < 400) decodeBody<{ message: string }>(response, 'message');
  }

  #send(path: string, { method = 'POST', body, headers, ...how }: WriteRequest, options: CallOptions) {
    // With a key, a proxy or a standby that forwards the request would be allowed to repeat it.
    const hasKey = method === 'POST' && how.repeatable !== false;
    const request: ApiRequest = {
      method,
      path,
      ...(body !== undefined && { body }),
      headers: { ...(hasKey && { 'Idempotency-Key': newIdempotencyKey() }), ...headers },
    };
    return this.connection.write(request, options, how);
  }
}
