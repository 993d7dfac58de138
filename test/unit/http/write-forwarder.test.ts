import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Request, Response } from 'express';
import { createApp } from '../../../src/http/app.ts';
import { WriteForwarder } from '../../../src/http/forwarding/write-forwarder.ts';
import { RequestLifetime } from '../../../src/http/request/request-lifetime.ts';
import { Server } from '../../../src/http/server.ts';
import type { Services } from '../../../src/http/services.ts';
import { post } from '../../support/network/http.ts';
import { unusedServices } from '../../support/nodes/unused-services.ts';

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
      void forwarder.handle(request as Request, response as Response, () => response.writeHead(503).end(), true);
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

/** A standby with every route of a node, whose cluster is a plain object: tests change its role and its peers. */
async function startStandby() {
  const peers: { url: string; node: string; alive: boolean; active: boolean }[] = [];
  const cluster = {
    node: 'standby',
    role: 'standby' as 'active' | 'standby' | 'fallen',
    acceptsWrites: false,
    activeUrl: null,
    peers: () => peers,
  };
  const forwarder = new WriteForwarder(cluster, 1000);
  const own = { cluster, forwarder, trustProxy: null, showsActiveUrl: true, authMode: 'open' };
  const services = new Proxy(unusedServices(), {
    get: (others, name) => own[name as keyof typeof own] ?? (name in own ? null : Reflect.get(others, name)),
  }) as Services;
  const server = new Server(createApp(services), 100);
  const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  const stop = async () => {
    forwarder.stop();
    await server.close();
  };
  return { cluster, peers, url, stop };
}

describe('A standby that forwards to an active node whose response is lost', () => {
  const headers = { 'idempotency-key': 'key' };
  let standby: Awaited<ReturnType<typeof startStandby>>;
  let active: Awaited<ReturnType<typeof listen>>;
  let respond: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  let sent: number;

  beforeEach(async () => {
    sent = 0;
    active = await listen((request, response) => {
      sent += 1;
      request.resume().on('end', () => respond(request, response));
    });
    standby = await startStandby();
    standby.peers.push({ url: active.url, node: 'a', alive: true, active: true });
  });
  afterEach(async () => {
    await standby.stop();
    active.server.closeAllConnections();
    active.server.close();
  });

  const loses = (_: unknown, response: http.ServerResponse) => response.destroy();
  const refuses = (code: string) => (_: unknown, response: http.ServerResponse) =>
    void response.writeHead(503).end(JSON.stringify({ error: 'not now', code }));
  /** Loses the first response; later requests get `then`. */
  const losesFirst = (then: typeof respond): typeof respond => {
    return (request, response) => (sent === 1 ? loses(request, response) : then(request, response));
  };

  it('sends a request with a key again only where the route remembers keys', async () => {
    respond = losesFirst((_, response) => response.end('{}'));
    for (const [path, status, times] of [
      ['/messages', 200, 2],
      ['/create-chat', 200, 2],
      ['/password', 503, 1],
      ['/delete-account', 503, 1],
      ['/switchover', 503, 1],
    ] as const) {
      sent = 0;
      const answer = await post(standby.url + path, {}, { headers });
      expect([answer.status, sent], path).to.deep.equal([status, times]);
      if (status === 503) expect(answer.body.code, path).to.equal('outcome_unknown');
    }
  });

  it('never says afterwards that the request was not executed', async () => {
    for (const [what, then] of [
      ['the active node is gone', loses],
      ['not_active', refuses('not_active')],
      ['not_alive', refuses('not_alive')],
      ['overloaded', refuses('overloaded')],
    ] as const) {
      sent = 0;
      respond = losesFirst(then);
      const { status, body } = await post(`${standby.url}/messages`, {}, { headers });
      expect([status, body.code], what).to.deep.equal([503, 'outcome_unknown']);
      expect(sent, what).to.be.above(1);
    }
  });

  it('says so neither when no node is active then, nor when it falls itself', async () => {
    for (const change of [
      () => standby.peers.splice(0),
      () => {
        standby.cluster.role = 'fallen';
      },
    ]) {
      respond = (request, response) => {
        change();
        loses(request, response);
      };
      const { status, body } = await post(`${standby.url}/messages`, {}, { headers });
      expect([status, body.code]).to.deep.equal([503, 'outcome_unknown']);
      expect(body).not.to.have.property('active_url');
      standby.peers.push({ url: active.url, node: 'a', alive: true, active: true });
    }
  });

  it('still says it of a request that was only refused', async () => {
    respond = refuses('not_active');
    const { status, body } = await post(`${standby.url}/messages`, {}, { headers });
    expect([status, body.code]).to.deep.equal([503, 'not_active']);
  });
});
