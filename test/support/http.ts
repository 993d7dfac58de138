import http from 'node:http';

/** What came back. */
export interface Answer<Body> {
  status: number;
  /** Names in lower case. */
  headers: http.IncomingHttpHeaders;
  /** The body as it came. */
  text: string;
  /** The body parsed, when it is JSON; else undefined. The shape is the caller's claim and is not checked. */
  body: Body;
  /** From the call to the last byte. */
  ms: number;
}

/** What a call carries. */
export interface Call {
  /** Sent as JSON; a string or a buffer goes as it is (set its content type in `headers`). Works on GET too, as the seed's clients do. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Milliseconds from the call to the last byte; default 10 000. Past it the call fails with an error that says so. */
  deadline?: number;
  /** Drops the connection, as a client that leaves. */
  signal?: AbortSignal;
}

/** What most bodies are. */
export type JsonObject = Record<string, unknown>;

/** One call on a connection of its own, closed afterwards: no test leaves a kept-alive socket to the next one. */
export async function request<Body = JsonObject>(method: string, url: string, call: Call = {}): Promise<Answer<Body>> {
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
      outgoing.destroy(new Error(`${method} ${url} was not answered within ${deadline} ms`));
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
export const get = <Body = JsonObject>(url: string, call?: Call) => request<Body>('GET', url, call);
/** POST `body` to `url`. */
export const post = <Body = JsonObject>(url: string, body?: unknown, call?: Call) =>
  request<Body>('POST', url, { ...call, ...(body === undefined ? {} : { body }) });
/** DELETE `url` with `body`. */
export const del = <Body = JsonObject>(url: string, body?: unknown, call?: Call) =>
  request<Body>('DELETE', url, { ...call, ...(body === undefined ? {} : { body }) });
