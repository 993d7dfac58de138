import { bodyText } from '../../network/body-text.ts';
import { isJsonObject } from '../../text/json-object.ts';
import { withDeadline } from './deadline.ts';

/** A request, independent of the node that it is sent to. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A node's response. `body` is undefined if there was none or if an error response was not JSON. */
export interface ApiResponse {
  status: number;
  body: Record<string, unknown> | undefined;
  headers: Headers;
}

/** No complete response arrived. `notSent` is true only if the request cannot have reached a node. */
export class NoResponseError extends Error {
  override name = 'NoResponseError';
  readonly notSent: boolean;

  constructor(message: string, notSent: boolean, cause?: unknown) {
    super(message, { cause });
    this.notSent = notSent;
  }
}

const notSentCodes: Record<string, string> = {
  ECONNREFUSED: 'refuses connections',
  ENOTFOUND: 'has a host name that does not resolve',
  EAI_AGAIN: 'has a host name that does not resolve at the moment',
  EHOSTUNREACH: 'is not reachable',
  ENETUNREACH: 'is not reachable',
  UND_ERR_CONNECT_TIMEOUT: 'did not accept the connection in time',
};

const brokenCodes: Record<string, string> = {
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'closed the connection',
};

// Node.js puts the reason into `cause.code`; a browser says only "Failed to fetch".
function toNoResponseError(error: unknown): NoResponseError {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const notSent = notSentCodes[code];
  if (notSent !== undefined) return new NoResponseError(notSent, true, error);
  return new NoResponseError(brokenCodes[code] ?? 'is not reachable', false, error);
}

function address(url: string, request: ApiRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? url + request.path : `${url}${request.path}?${query}`;
}

function parse(status: number, text: string): Record<string, unknown> | undefined {
  if (text === '') return undefined;
  try {
    const body: unknown = JSON.parse(text);
    if (isJsonObject(body)) return body;
  } catch (error) {
    // A proxy's error page need not be JSON. A 2xx that is not JSON was cut off, or did not come from a node.
    if (status < 400) throw new NoResponseError('sent an incomplete response', false, error);
  }
  return undefined;
}

/**
 * Sends a request once to one node, and reads the complete response within `ms`.
 * @throws {NoResponseError} when no complete response arrived; the outer signal's reason when it is aborted.
 */
export async function sendOnce(
  send: typeof fetch,
  url: string,
  request: ApiRequest,
  ms: number,
  outer: AbortSignal | undefined,
): Promise<ApiResponse> {
  const headers: Record<string, string> = { Accept: 'application/json', ...request.headers };
  const init: RequestInit = { method: request.method, headers, redirect: 'error' };
  if (request.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(request.body);
  }
  let started: AbortSignal | undefined;
  try {
    return await withDeadline(ms, outer, async (signal) => {
      started = signal;
      const response = await send(address(url, request), { ...init, signal });
      const text = await bodyText(response, signal);
      return { status: response.status, body: parse(response.status, text), headers: response.headers };
    });
  } catch (error) {
    outer?.throwIfAborted();
    if (error instanceof NoResponseError) throw error;
    if (started?.aborted) throw new NoResponseError(String(started.reason?.message), false, error);
    throw toNoResponseError(error);
  }
}
