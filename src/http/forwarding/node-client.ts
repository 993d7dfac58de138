import http, {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { otherDns } from '../../network/dns-cache.ts';
import { HTTP_PARSING } from '../../network/http-parsing.ts';

/** Maximum number of connections to one node. */
const MAX_CONNECTIONS = 64;
const AGENT_OPTIONS = {
  keepAlive: true,
  maxSockets: MAX_CONNECTIONS,
  maxFreeSockets: MAX_CONNECTIONS,
  lookup: otherDns.lookup,
};

/** The responses of a node to writes have a few kilobytes; anything larger is something else. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;

/** The response of a node. */
export interface NodeResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A request to a node. */
export interface NodeRequest {
  method: string;
  /** The target as the client wrote it. */
  target: string;
  headers: OutgoingHttpHeaders;
  body: Buffer;
  /** Time limit for the whole request, including the wait for a connection and a second attempt. */
  timeoutMs: number;
  /** Cancels the request. */
  signal?: AbortSignal;
}

/** No response arrived. `isSent` is false if the request cannot have been executed. */
export class NoResponse extends Error {
  readonly isSent: boolean;

  constructor(cause: Error, isSent: boolean) {
    super(cause.message, { cause });
    this.isSent = isSent;
  }
}

/** Sends requests to other nodes over kept-alive connections. */
export class NodeClient {
  readonly #agents = {
    http: new http.Agent(AGENT_OPTIONS),
    https: new https.Agent(AGENT_OPTIONS),
  };
  /** Addresses whose node refused their host (421). Every node accepts `localhost`. */
  readonly #calledLocalhost = new Set<string>();

  /** Sends a request to the node at `url`. Rejects with {@link NoResponse}. */
  async send(url: string, request: NodeRequest): Promise<NodeResponse> {
    const isCalledLocalhost = this.#calledLocalhost.has(url);
    const sentAt = performance.now();
    const response = await this.#sendOnce(url, request);
    if (response.status !== 421 || isCalledLocalhost) return response;
    // The node refused it for its host, and did not execute it.
    this.#calledLocalhost.add(url);
    const timeoutMs = Math.max(1, request.timeoutMs - (performance.now() - sentAt));
    return this.#sendOnce(url, { ...request, timeoutMs });
  }

  stop(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #sendOnce(url: string, { method, target, headers, body, timeoutMs, signal }: NodeRequest): Promise<NodeResponse> {
    const node = new URL(url);
    const isSecure = node.protocol === 'https:';
    const name = node.hostname.replace(/^\[|\]$/g, '');
    const options = {
      ...HTTP_PARSING,
      // Not as part of the URL: parsing it would resolve `..`, and encode characters that the node refuses.
      path: node.pathname.replace(/\/$/, '') + originForm(target),
      method,
      agent: isSecure ? this.#agents.https : this.#agents.http,
      headers: { ...headers, ...(this.#calledLocalhost.has(url) && { host: 'localhost' }) },
      // Of the node: by default, Node.js takes the name in the `Host` of the client's request.
      servername: isIP(name) ? '' : name,
    };
    const sent = (isSecure ? https : http).request(node, options);
    return responseTo(sent, { body, timeoutMs, signal, openedBy: isSecure ? 'secureConnect' : 'connect' });
  }
}

interface Transmission {
  body: Buffer;
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** The event of a socket whose connection is open. */
  openedBy: 'connect' | 'secureConnect';
}

/** Sends the body of a request, and reads the response. Rejects with {@link NoResponse}. */
function responseTo(sent: ClientRequest, { body, timeoutMs, signal, openedBy }: Transmission): Promise<NodeResponse> {
  return new Promise((resolve, reject) => {
    let isSent = false;
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    };
    const fail = (error: Error) => {
      end();
      reject(new NoResponse(error, isSent));
    };
    // If a request that waits for a connection is destroyed, Node.js reports that only when it would get one.
    const stop = (reason: Error) => {
      fail(reason);
      sent.destroy(reason);
    };
    const cancel = () => stop(signal?.reason);
    const timer = setTimeout(() => stop(new Error('the node does not respond')), timeoutMs);
    signal?.addEventListener('abort', cancel);
    // Nothing is sent before the connection is open. Once it is, bytes may have left.
    sent.on('socket', (socket) => {
      if (!socket.connecting) isSent = true;
      else {
        socket.once(openedBy, () => {
          isSent = true;
        });
      }
    });
    sent.on('error', fail);
    sent.on('response', (response) => {
      receive(response).then((read) => {
        end();
        resolve(read);
      }, fail);
    });
    if (signal?.aborted) cancel();
    sent.end(body);
  });
}

/** Returns a target without the scheme and the host that its absolute form has. */
function originForm(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

async function receive(response: IncomingMessage): Promise<NodeResponse> {
  const { statusCode: status = 0 } = response;
  const pieces: Buffer[] = [];
  let length = 0;
  // Leaving the loop destroys the response and its connection.
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_RESPONSE_BYTES) throw new Error('the response is too long');
    pieces.push(piece);
  }
  if (!response.complete) throw new Error('the response was cut off');
  // A response with another status cannot be relayed.
  if (status < 200 || status > 599) throw new Error(`the response has status ${status}`);
  return { status, headers: response.headers, body: Buffer.concat(pieces) };
}
