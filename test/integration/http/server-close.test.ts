import { connect } from 'node:net';
import { expect } from 'chai';
import express, { type Response } from 'express';
import { HttpServer } from '../../../src/http/http-server.ts';
import { eventually } from '../../support/eventually.ts';
import { getText, RawClient } from '../../support/network/raw-client.ts';

/** More than the buffers of both ends of a loopback connection. */
const LONG = 'x'.repeat(16 * 1024 * 1024);
/** Less than the time after which connections are closed by force. */
const SOON_MS = 2000;

describe('A server that closes', () => {
  let server: HttpServer;
  let port: number;
  let pending: Response[];

  beforeEach(async () => {
    const app = express();
    pending = [];
    app.get('/long', (_request, response) => response.send(LONG));
    app.get('/later', (_request, response) => void pending.push(response));
    server = new HttpServer(app, 100);
    port = await server.listen(0, '127.0.0.1');
  });
  afterEach(() => server.close());

  const open = () => RawClient.open(`http://127.0.0.1:${port}`);

  /** Closes the server; returns how long it took. */
  async function close(): Promise<number> {
    const startedAt = performance.now();
    await server.close();
    return performance.now() - startedAt;
  }

  it('completes a long response whose client reads on, and the one behind it', async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.pause();
    socket.write(getText('/long') + getText('/later'));
    await eventually('both are handled', () => pending.length === 1);
    const closing = close();
    let heard = 0;
    let end = '';
    socket.on('data', (piece) => {
      heard += piece.length;
      end = piece.toString('latin1').slice(-20);
    });
    socket.on('error', () => undefined);
    socket.resume();
    await eventually('the long one has arrived', () => heard > LONG.length || socket.destroyed);
    pending[0]?.end('the last one');
    await closing;
    expect(heard).to.be.above(LONG.length);
    await eventually('the last one has arrived', () => socket.destroyed);
    expect(end).to.match(/the last one$/);
  });

  for (const [what, text] of Object.entries({
    'has sent nothing': '',
    'has sent half a head': 'GET /later HTTP/1.1\r\nHo',
  })) {
    it(`does not wait for a client that ${what}`, async () => {
      const client = await open();
      client.send(getText('/nothing'));
      await eventually('it is connected', () => client.statuses.length === 1);
      const other = await open();
      other.send(text);
      client.send(getText('/nothing'));
      await eventually('the server has read what came before', () => client.statuses.length === 2);
      expect(await close()).to.be.below(SOON_MS);
      for (const one of [client, other]) one.destroy();
    });
  }

  it('does not wait for connections that are kept alive after responses which end later', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, open));
    for (const client of clients) client.send(getText('/later'));
    await eventually('all are handled', () => pending.length === clients.length);
    for (const response of pending) response.write('begun, ');
    const closing = close();
    setImmediate(() => {
      for (const response of pending) response.end('ended');
    });
    expect(await closing).to.be.below(SOON_MS);
    await eventually('all have arrived', () => clients.every(({ heard }) => heard.includes('ended')));
    for (const client of clients) client.destroy();
  });
});
