import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The response of a {@link FakePeer} to `/health`. */
export interface FakeHealth {
  status: string;
  active: boolean;
  node: string;
  term: number | null;
  cluster: string | null;
  epoch: string | null;
}

/** The identity of the cluster in tests without a node. */
export const TEST_IDENTITY = { cluster: 'the cluster of the test', epoch: 'its epoch' };

/** A server that responds to `/health` and is not a node: with anything, or never. */
export class FakePeer {
  readonly #server: Server;
  /** The number of requests. */
  asked = 0;
  /** Sent as JSON; a string is sent unchanged; with null it never responds. */
  says: Partial<FakeHealth> | string | null;
  /** Closes each connection after its response, without a header that says so. */
  closesEach = false;
  /** Added to the response unless that has its own: the peer counts as a node of this cluster. */
  identity = TEST_IDENTITY;

  private constructor(says: FakePeer['says']) {
    this.says = says;
    this.#server = createServer((_, response) => {
      this.asked += 1;
      if (this.says === null) return;
      response.setHeader('content-type', 'application/json');
      if (this.closesEach) response.on('finish', () => response.socket?.destroy());
      response.end(typeof this.says === 'string' ? this.says : JSON.stringify({ ...this.identity, ...this.says }));
    });
  }

  /** Starts a peer on `port` (default: any free one). */
  static async start(says: FakePeer['says'], port = 0): Promise<FakePeer> {
    const peer = new FakePeer(says);
    peer.#server.listen(port, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  /** Its address for PEER_URL. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes every connection, like a killed process. */
  hangUp(): void {
    this.#server.closeAllConnections();
  }

  /** Stops the server. */
  async stop(): Promise<void> {
    this.hangUp();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
