import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Request, Response } from 'express';
import { WriteForwarder } from '../../../src/http/forwarding/write-forwarder.ts';
import { RequestLifetime } from '../../../src/http/request/request-lifetime.ts';
import { post } from '../../support/network/http.ts';

async function listen(handler: http.RequestListener): Promise<{ server: http.Server; url: string }> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('A standby that forwards to a node which does not accept the host of its PEER_URL', () => {
  const hosts: (string | undefined)[] = [];
  let accepted: string | null;
  let active: Awaited<ReturnType<typeof listen>>;
  let standby: Awaited<ReturnType<typeof listen>>;
  let forwarder: WriteForwarder;

  beforeEach(async () => {
    hosts.length = 0;
    active = await listen(({ headers: { host } }, response) => {
      hosts.push(host);
      response.writeHead(host === accepted ? 200 : 421).end();
    });
    const peers = () => [{ url: active.url, alive: true, active: true }];
    forwarder = new WriteForwarder({ node: 'standby', role: 'standby', acceptsWrites: false, peers }, 1000);
    standby = await listen((request, response) => {
      new RequestLifetime().belongsTo(response);
      Object.assign(request, { originalUrl: request.url });
      void forwarder.handle(request as Request, response as Response, () => response.writeHead(503).end());
    });
  });
  afterEach(() => {
    forwarder.stop();
    for (const { server } of [active, standby]) server.close();
  });

  it('calls it localhost, from the second request on at once', async () => {
    accepted = 'localhost';
    for (const _ of [1, 2]) expect((await post(`${standby.url}/messages`, {})).status).to.equal(200);
    expect(hosts).to.deep.equal([new URL(active.url).host, 'localhost', 'localhost']);
  });

  it('sends every one of several first requests again', async () => {
    accepted = 'localhost';
    const posts = await Promise.all([1, 2, 3].map(() => post(`${standby.url}/messages`, {})));
    expect(posts.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
  });

  it('calls it localhost when it lets it create the account of a JWT', async () => {
    accepted = 'localhost';
    expect(await forwarder.createAccountOnActiveNode('token')).to.equal(true);
    expect(hosts).to.deep.equal([new URL(active.url).host, 'localhost']);
  });

  it('returns the refusal if it does not accept localhost either', async () => {
    accepted = null;
    expect((await post(`${standby.url}/messages`, {})).status).to.equal(421);
    expect(await forwarder.createAccountOnActiveNode('token')).to.equal(false);
    expect(hosts.slice(1)).to.deep.equal(['localhost', 'localhost']);
  });
});
