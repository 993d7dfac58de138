import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect } from 'chai';
import type { Response } from 'express';
import { RequestLifetime } from '../../../../src/http/request/request-lifetime.ts';
import { sendJson } from '../../../../src/http/response/send-json.ts';
import { UnreadResponses, unreadResponses } from '../../../../src/http/response/unread-responses.ts';
import { eventually } from '../../../support/eventually.ts';

const MB = 1024 * 1024;
/** More than the kernel takes from a socket whose other end reads nothing. */
const LONG = 16 * MB;

describe('Responses that no client reads', () => {
  const unread = new UnreadResponses(2.5 * LONG);
  const sockets: Socket[] = [];
  let server: http.Server;
  let port: number;
  let respond: (response: http.ServerResponse) => void;

  before(async () => {
    server = http.createServer((_request, response) => {
      const lifetime = new RequestLifetime();
      lifetime.attachTo(response);
      response.once('close', () => lifetime.end());
      respond(response);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await eventually('none is counted', () => unread.bytes === 0 && unreadResponses.bytes === 0);
  });
  after(() => {
    server.close();
  });

  /** Sends a request and reads no response until `resume`. Resolves when the node has responded. */
  async function ask() {
    const responded = once(server, 'request');
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const client = { socket, received: 0 };
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      client.received += piece.length;
    });
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await responded;
    return client;
  }

  it('are bounded: the clients that have read for the longest time are disconnected', async () => {
    respond = (response) => {
      unread.hold(response, LONG);
      response.end(Buffer.alloc(LONG));
    };
    const clients = [await ask(), await ask(), await ask(), await ask()];
    expect(unread.bytes).to.equal(2 * LONG);
    for (const { socket } of clients) socket.resume();
    await eventually('the others are read', () => clients.filter(({ received }) => received > LONG).length === 2);
    await eventually('the first are closed', () => clients.slice(0, 2).every(({ socket }) => socket.closed));
    expect(clients.map(({ received }) => received > LONG)).to.deep.equal([false, false, true, true]);
  });

  it('are counted until they are read, as JSON too; short ones are never counted', async () => {
    respond = (response) => void sendJson(response as Response, 200, { text: 'x'.repeat(LONG) });
    const { socket } = await ask();
    await eventually('it is counted', () => unreadResponses.bytes > LONG);
    socket.resume();
    await eventually('it is read', () => unreadResponses.bytes === 0);
    respond = (response) => unread.hold(response, 1000);
    await ask();
    expect(unread.bytes).to.equal(0);
  });
});
