import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '../eventually.ts';

/** A client over a bare socket: pipelines, half-closes and vanishes as no HTTP library does. */
export class RawClient {
  readonly #socket: Socket;
  #heard = '';
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece) => {
      this.#heard += piece.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#isClosed = true;
    });
  }

  /** Connects to the node at `url`. */
  static async open(url: string): Promise<RawClient> {
    const { port } = new URL(url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Everything received so far. */
  get heard(): string {
    return this.#heard;
  }

  /** The statuses received so far, in order. */
  get statuses(): number[] {
    return Array.from(this.#heard.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status));
  }

  /** True once the node has closed its direction. */
  get isEnded(): boolean {
    return this.#isClosed || this.#socket.readableEnded;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(text: string): this {
    this.#socket.write(text, 'latin1');
    return this;
  }

  /** Sends FIN, as `nc -N` does, and keeps reading. */
  halfClose(): this {
    this.#socket.end();
    return this;
  }

  /** Closes both directions: the node gets a FIN, and a RST for what it sends afterwards. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Closes with a RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Resolves when the node has closed the connection in both directions. */
  async closed(within = 10_000): Promise<this> {
    const onEnd = () => this.#socket.end();
    if (this.#socket.readableEnded) onEnd();
    else this.#socket.once('end', onEnd);
    await eventually('the node closes the connection', () => this.#isClosed, { within });
    return this;
  }
}

/** A GET request as text. */
export const getText = (path: string, headers = 'Host: localhost\r\n') => `GET ${path} HTTP/1.1\r\n${headers}\r\n`;

/** A POST request with a JSON body as text. */
export function postText(path: string, body: unknown, headers = 'Host: localhost\r\n'): string {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  return `POST ${path} HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${text}`;
}
