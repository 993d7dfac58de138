import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect } from 'chai';
import { NodeClient, NoResponse } from '../../../../src/http/forwarding/node-client.ts';

const PIECE = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`);

/** Writes a body without an end. Returns when the connection is closed. */
function writeForEver(socket: Socket): void {
  const writeOn = () => {
    while (!socket.destroyed && socket.write(PIECE));
  };
  socket.on('drain', writeOn);
  socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  writeOn();
}

const writing = (text: string) => (socket: Socket) => void socket.write(text);

/** Servers that a peer's address may lead to instead of a node. */
const LIARS: Record<string, (socket: Socket) => void> = {
  'a body without an end': writeForEver,
  'status 099': writing('HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}'),
  'status 999': writing('HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}'),
  'bytes that are not HTTP': writing('SSH-2.0-OpenSSH_9.6\r\n'),
  'half a body': (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}'),
};

describe('A forwarded request', () => {
  for (const [what, respond] of Object.entries(LIARS)) {
    it(`that gets ${what} is treated as sent but without a response`, async () => {
      const sockets: Socket[] = [];
      const server = net.createServer((socket) => {
        sockets.push(socket.on('error', () => undefined));
        socket.once('data', () => respond(socket));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const client = new NodeClient();
      const startedAt = performance.now();
      const request = { method: 'POST', target: '/messages', headers: {}, body: Buffer.from('{}'), timeoutMs: 30_000 };
      const outcome = await client
        .send(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, request)
        .catch((error: unknown) => error);
      expect(outcome).to.be.instanceOf(NoResponse).with.property('isSent', true);
      expect(performance.now() - startedAt, 'it did not wait for the timeout').to.be.below(20_000);
      client.stop();
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    });
  }
});
