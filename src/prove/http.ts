import http from 'node:http';

/** A response. */
export interface HttpResponse<Body> {
  status: number;
  /** Names in lower case. */
  headers: http.IncomingHttpHeaders;
  /** The body as text. */
  text: string;
  /** The parsed body if it is JSON, else undefined. The type is the caller's claim and is not checked. */
  body: Body;
  /** Milliseconds from the call to the last byte. */
  ms: number;
}

/** Options of a request. */
export interface HttpCallOptions {
  /** Sent as JSON; a string or buffer is sent unchanged (set its content type in `headers`). Also allowed on GET. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Milliseconds from the call to the last byte; default 10,000. After that the call fails. */
  deadline?: number;
  /** Drops the connection, like a client that disconnects. */
  signal?: AbortSignal;
}

/** The type of most bodies. */
export type JsonObject = Record<string, unknown>;

/** Sends one request on its own connection, which is closed afterwards. */
export async function request<Body = JsonObject>(
  method: string,
  url: string,
  call: HttpCallOptions = {},
): Promise<HttpResponse<Body>> {
  const started = performance.now();
  const { body, headers = {}, deadline = 10_000, signal } = call;
  const isReady = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const payload = isReady ? body : JSON.stringify(body);
  const type =
    payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, {
      method,
      agent: false,
      headers: { accept: 'application/json', ...type, ...headers, connection: 'close' },
      ...(signal ? { signal } : {}),
    });
    const timer = setTimeout(() => {
      outgoing.destroy(new Error(`${method} ${url} got no response within ${deadline} ms`));
    }, deadline);
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const ms = performance.now() - started;
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: parsed(text) as Body, ms });
      });
    });
    outgoing.end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** GET `url`. */
export const get = <Body = JsonObject>(url: string, call?: HttpCallOptions) => request<Body>('GET', url, call);
/** POST `body` to `url`. */
export const post = <Body = JsonObject>(url: string, body?: unknown, call?: HttpCallOptions) =>
  request<Body>('POST', url, { ...call, ...(body === undefined ? {} : { body }) });
/** DELETE `url` with `body`. */
export const del = <Body = JsonObject>(url: string, body?: unknown, call?: HttpCallOptions) =>
  request<Body>('DELETE', url, { ...call, ...(body === undefined ? {} : { body }) });
