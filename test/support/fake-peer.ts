import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a {@link FakePeer} says of itself at `/health`. */
export interface FakeHealth {
  status: string;
  active: boolean;
  node: string;
  term: number | null;
  cluster: string | null;
  epoch: string | null;
}

/** What tests without a node take for the cluster's. */
export const TEST_IDENTITY = { cluster: 'the cluster of the test', epoch: 'its epoch' };

/** Something that answers `/health` and is no node: it may say anything, or nothing at all. */
export class FakePeer {
  readonly #server: Server;
  /** How often it was asked. */
  asked = 0;
  /** Sent as JSON; a string goes as it is; null leaves the question open for ever. */
  says: Partial<FakeHealth> | string | null;
  /** Goes with what it says, unless that names others: it passes for a node of this cluster. */
  identity = TEST_IDENTITY;

  private constructor(says: FakePeer['says']) {
    this.says = says;
    this.#server = createServer((_, response) => {
      this.asked += 1;
      if (this.says === null) return;
      response.setHeader('content-type', 'application/json');
      response.end(typeof this.says === 'string' ? this.says : JSON.stringify({ ...this.identity, ...this.says }));
    });
  }

  /** Starts one on `port` (default: any free). */
  static async start(says: FakePeer['says'], port = 0): Promise<FakePeer> {
    const peer = new FakePeer(says);
    peer.#server.listen(port, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  /** What PEER_URL would say. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes every connection, as a process that is killed. */
  hangUp(): void {
    this.#server.closeAllConnections();
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.hangUp();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
