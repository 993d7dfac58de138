import net from 'node:net';

/** The parts of a response that the load generator reads. */
export interface Reply {
  status: number;
  /** Status line and headers as text. */
  head: string;
  /** Empty unless the connection keeps bodies. */
  body: string;
}

/** All sockets read into this buffer, which is used up before the next socket reads. */
const READ = Buffer.allocUnsafe(512 * 1024);
const NOTHING = Buffer.alloc(0);

/**
 * One kept-alive HTTP/1.1 connection with one request at a time, over a bare socket: a client that costs a few microseconds
 * a request, so that the server is measured and not the client. It reads responses with a Content-Length or without a body;
 * no server here sends chunks.
 */
export class Connection {
  /** Set if the bodies are used. */
  keepsBodies = false;
  onReply: (reply: Reply) => void = () => {};
  onLost: (error: Error) => void = () => {};
  readonly #socket: net.Socket;
  #partial = NOTHING;
  #reply: Reply | null = null;
  #missing = 0;
  #body: Buffer[] = [];

  constructor(port: number) {
    this.#socket = net.connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: READ,
        callback: (size) => {
          this.#read(READ.subarray(0, size));
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.onLost(error));
    this.#socket.on('close', () => this.onLost(new Error('the server closed the connection')));
  }

  /** Resolves when the connection is open. */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve).once('error', reject);
    });
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  /** Closes at once with a RST: no port stays in TIME_WAIT. */
  destroy(): void {
    this.onLost = () => {};
    this.onReply = () => {};
    this.#socket.resetAndDestroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    this.#partial = NOTHING;
    while (bytes.length > 0) {
      if (this.#reply === null && !this.#readHead(bytes)) return;
      const start = this.#reply ? this.#bodyStart : 0;
      this.#bodyStart = 0;
      const size = Math.min(this.#missing, bytes.length - start);
      if (this.keepsBodies && size > 0) this.#body.push(Buffer.from(bytes.subarray(start, start + size)));
      this.#missing -= size;
      bytes = bytes.subarray(start + size);
      if (this.#missing === 0) this.#finish();
    }
  }

  #bodyStart = 0;

  /** Returns false if the head is not complete yet. */
  #readHead(bytes: Buffer): boolean {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#partial = Buffer.from(bytes);
      return false;
    }
    const head = bytes.toString('latin1', 0, end);
    const status = Number(head.slice(9, 12));
    this.#reply = { status, head, body: '' };
    this.#bodyStart = end + 4;
    this.#missing = status === 204 || status === 304 ? 0 : contentLength(head);
    return true;
  }

  #finish(): void {
    const reply = this.#reply;
    this.#reply = null;
    if (reply === null) return;
    if (this.#body.length > 0) {
      reply.body = this.#body.length === 1 ? String(this.#body[0]) : Buffer.concat(this.#body).toString();
      this.#body = [];
    }
    this.onReply(reply);
  }
}

function contentLength(head: string): number {
  const found = /\r\ncontent-length: (\d+)/i.exec(head);
  if (!found) throw new Error(`a response without Content-Length, which this client does not read:\n${head}`);
  return Number(found[1]);
}

/** Opens connections, at most `atOnce` at a time: a burst of thousands would overrun the server's queue of SYNs. */
export async function openConnections(ports: readonly number[], count: number, atOnce = 200): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const size = Math.min(atOnce, count - connections.length);
    const batch = Array.from({ length: size }, (_, at) => {
      return new Connection(ports[(connections.length + at) % ports.length] ?? 0);
    });
    await Promise.all(batch.map((connection) => connection.opened()));
    connections.push(...batch);
  }
  return connections;
}

/** Returns the bytes of a request; `body` is sent as JSON. */
export function requestBytes(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Buffer {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1'];
  if (payload !== '') lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(payload)}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${payload}`);
}
