import { withDeadline } from './deadline.ts';

/** One request, independent of the node that it goes to. */
export interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
}

/** What a node answered. `body` is undefined where there was none or, with an error status, where it was not JSON. */
export interface Answer {
  status: number;
  body: Record<string, unknown> | undefined;
  headers: Headers;
}

/** No whole answer came. `unsent` is true only where the request cannot have reached a node. */
export class LostAnswerError extends Error {
  override name = 'LostAnswerError';
  readonly unsent: boolean;

  constructor(message: string, unsent: boolean, cause?: unknown) {
    super(message, { cause });
    this.unsent = unsent;
  }
}

const unsentCodes: Record<string, string> = {
  ECONNREFUSED: 'refuses connections',
  ENOTFOUND: 'is a name that does not resolve',
  EAI_AGAIN: 'is a name that does not resolve now',
  EHOSTUNREACH: 'is not reachable',
  ENETUNREACH: 'is not reachable',
  UND_ERR_CONNECT_TIMEOUT: 'takes no connection in time',
};

const lostCodes: Record<string, string> = {
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'closed the connection',
};

// Node puts the reason into `cause.code`; a browser tells a page nothing but "Failed to fetch".
function lost(error: unknown): LostAnswerError {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const unsent = unsentCodes[code];
  if (unsent !== undefined) return new LostAnswerError(unsent, true, error);
  return new LostAnswerError(lostCodes[code] ?? 'is not reachable', false, error);
}

function address(url: string, request: Request): string {
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
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch (error) {
    // An error page of a proxy is not JSON and needs none. A 2xx that is not JSON was cut off, or is not from a node.
    if (status < 400) throw new LostAnswerError('gave half an answer', false, error);
  }
  return undefined;
}

/**
 * Sends a request to one node, once, and reads the whole answer within `ms`. Raises LostAnswerError when no whole answer
 * came, and the outer signal's reason when that was aborted.
 */
export async function attempt(
  send: typeof fetch,
  url: string,
  request: Request,
  ms: number,
  outer: AbortSignal | undefined,
): Promise<Answer> {
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
      const text = await response.text();
      return { status: response.status, body: parse(response.status, text), headers: response.headers };
    });
  } catch (error) {
    outer?.throwIfAborted();
    if (error instanceof LostAnswerError) throw error;
    if (started?.aborted) throw new LostAnswerError(String(started.reason?.message), false, error);
    throw lost(error);
  }
}
