import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { unfinishedBodies } from '../../../../src/http/request/body/unfinished-bodies.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const LENGTH = 128 * 1024;
const MAX_BYTES = 64 * 1024 * 1024;
/** A few more than a node keeps in memory. */
const CLIENTS = MAX_BYTES / LENGTH + 20;
const PATIENCE = { within: 30_000 };

/** Connects to the node at `url`, and closes the connection when the node does. */
async function open(url: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

describe('Clients that send a long body and not its last byte', function () {
  this.timeout(120_000);
  const nodes = useTwoNodes({ STANDBY_WRITES: 'forward' });
  const clients: Socket[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await eventually('none is counted', () => unfinishedBodies.bytes === 0, PATIENCE);
  });

  const kinds = [
    { what: 'JSON of known length to the active node', role: 'active', path: '/messages', isChunked: false },
    { what: 'JSON in chunks to the active node', role: 'active', path: '/messages', isChunked: true },
    { what: 'JSON to a standby that forwards it', role: 'standby', path: '/messages', isChunked: false },
  ] as const;
  for (const { what, role, path, isChunked } of kinds) {
    it(`are disconnected, the oldest first, when they take too much memory: ${what}`, async () => {
      const { url } = nodes[role];
      const text = JSON.stringify({ userId: 1, groupId: 1, content: 'complete' }).padEnd(LENGTH);
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
      const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${LENGTH}`;
      const part = isChunked ? `${(LENGTH - 1).toString(16)}\r\n${text.slice(0, -1)}\r\n` : text.slice(0, -1);
      const end = isChunked ? '1\r\n \r\n0\r\n\r\n' : ' ';
      for (let n = 0; n < CLIENTS; n++) {
        const client = await open(url);
        clients.push(client);
        client.write(`${head}${framing}\r\n\r\n${part}`);
        // The clients arrive in this order.
        if (n % 50 === 0) await get(`${url}/health`);
      }
      const [oldest] = clients;
      const newest = clients.at(-1);
      let heard = '';
      newest?.on('data', (piece) => {
        heard += piece;
      });
      await eventually('the oldest is disconnected', () => oldest?.destroyed, PATIENCE);
      expect(unfinishedBodies.bytes).to.be.within(MAX_BYTES / 2, MAX_BYTES);
      expect((await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'short' })).status).to.equal(200);
      newest?.write(end);
      await eventually('the newest has its response', () => heard.includes('"message_id"'), PATIENCE);
      expect(clients.filter(({ destroyed }) => destroyed).length).to.be.below(CLIENTS / 4);
    });
  }
});
