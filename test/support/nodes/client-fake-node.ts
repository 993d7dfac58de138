import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { oncePerProcess } from '../run/once-per-process.ts';

/** A request that a fake node received. */
export interface ReceivedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
  /** Resolves when the connection of this request is closed. */
  gone: Promise<void>;
}

/** Handles a request. Without a response it hangs until the client disconnects or the node is closed. */
export type Behaviour = (heard: ReceivedRequest, response: ServerResponse) => void;

/** A real HTTP server that misbehaves on demand. */
export interface FakeNode {
  url: string;
  heard: ReceivedRequest[];
  /** What it {@link heard} except GET /health, which a client sends beside its calls when a node begins to serve it. */
  readonly calls: ReceivedRequest[];
  behave: Behaviour;
  /** Number of open connections. */
  connections(): number;
  /** Breaks all connections, and accepts new ones. */
  disconnect(): void;
  close(): Promise<void>;
}

/** Responds with JSON. */
export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Responds like a standby. */
export function notActive(response: ServerResponse, activeUrl: string | null): void {
  const body = { error: 'system not available - not active', code: 'not_active', active_url: activeUrl };
  json(response, 503, body, { 'Retry-After': '1' });
}

/** Sends the headers and part of the body, then breaks the connection. */
export function breakHalfway(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
  response.write('{"message_id":1,"time', () => response.destroy());
}

/** Ends the response in the middle: complete for HTTP, incomplete JSON. */
export function endHalfway(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end('{"message_id":1,"time');
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text === '' ? {} : JSON.parse(text);
}

/**
 * Starts a fake node on a free port. The first one receives a request of its own before it is returned: `fetch` loads most of its
 * code at its first use, which takes longer on a busy machine than the short deadlines of some tests.
 */
export async function startFakeNode(behave: Behaviour): Promise<FakeNode> {
  await oncePerProcess('first fetch', async () => {
    const node = await listen((_, response) => json(response, 200, {}));
    await fetch(node.url).then((response) => response.json());
    await node.close();
  });
  return listen(behave);
}

async function listen(behave: Behaviour): Promise<FakeNode> {
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://node');
    const gone = new Promise<void>((resolve) => response.once('close', resolve));
    const body = await bodyOf(request).catch(() => ({}));
    const { method = '', headers } = request;
    const heard: ReceivedRequest = { method, path: pathname, query: searchParams, headers, body, gone };
    node.heard.push(heard);
    node.behave(heard, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const node: FakeNode = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard: [],
    get calls() {
      return node.heard.filter(({ path }) => path !== '/health');
    },
    behave,
    connections: () => sockets.size,
    disconnect: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return node;
}

/** Returns a URL at which nothing listens. */
export async function deadUrl(): Promise<string> {
  const node = await startFakeNode(() => {});
  await node.close();
  return node.url;
}
