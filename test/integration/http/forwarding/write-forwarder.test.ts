import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { createApp } from '../../../../src/http/app.ts';
import { NodeClient, NoResponse } from '../../../../src/http/forwarding/node-client.ts';
import { WriteForwarder } from '../../../../src/http/forwarding/write-forwarder.ts';
import { HttpServer } from '../../../../src/http/http-server.ts';
import { clientAddressOf } from '../../../../src/http/request/checks/client-address.ts';
import type { Services } from '../../../../src/http/services.ts';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { post } from '../../../support/network/http.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

async function listen(handler: http.RequestListener): Promise<{ server: http.Server; url: string }> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Shorter than those of a node, and long enough for a response of the fake nodes. */
const TIMES = { waitMs: 100, finishMs: 100 };

/** A standby with every route of a node, whose cluster is a plain object: tests change its role and its peers. */
async function startStandby(trustProxy: number | string[] | null = null) {
  const peers: { url: string; node: string; alive: boolean; active: boolean }[] = [];
  const cluster = {
    node: 'standby',
    role: 'standby' as 'active' | 'standby' | 'fallen',
    acceptsWrites: false,
    activeUrl: null,
    peers: () => peers,
  };
  const forwarder = new WriteForwarder(cluster, 1000, TIMES);
  const own = { cluster, forwarder, trustProxy, showsActiveUrl: true, authMode: 'open' };
  const services = new Proxy(unusedServices(), {
    get: (others, name) => own[name as keyof typeof own] ?? (name in own ? null : Reflect.get(others, name)),
  }) as Services;
  const server = new HttpServer(createApp(services), 100);
  const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  const stop = async () => {
    forwarder.stop();
    await server.close();
  };
  return { cluster, peers, forwarder, url, stop };
}

describe('A standby that forwards to a node which does not accept the host of its PEER_URL', () => {
  const hosts: (string | undefined)[] = [];
  let accepted: string | null;
  let active: Awaited<ReturnType<typeof listen>>;
  let standby: Awaited<ReturnType<typeof startStandby>>;

  beforeEach(async () => {
    hosts.length = 0;
    active = await listen(({ headers: { host } }, response) => {
      hosts.push(host);
      response.writeHead(host === accepted ? 200 : 421).end();
    });
    standby = await startStandby();
    standby.peers.push({ url: active.url, node: 'a', alive: true, active: true });
  });
  afterEach(async () => {
    await standby.stop();
    active.server.close();
  });

  it('sends Host: localhost after a refusal, and immediately from the second request on', async () => {
    accepted = 'localhost';
    for (const _ of [1, 2]) expect((await post(`${standby.url}/messages`, {})).status).to.equal(200);
    expect(hosts).to.deep.equal([new URL(active.url).host, 'localhost', 'localhost']);
  });

  it('retries each of several simultaneous first requests', async () => {
    accepted = 'localhost';
    const posts = await Promise.all([1, 2, 3].map(() => post(`${standby.url}/messages`, {})));
    expect(posts.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
  });

  it('sends Host: localhost when it asks that node to create the account of a JWT', async () => {
    accepted = 'localhost';
    expect(await standby.forwarder.createAccountOnActiveNode('token')).to.equal(true);
    expect(hosts).to.deep.equal([new URL(active.url).host, 'localhost']);
  });

  it('returns the refusal if it does not accept localhost either', async () => {
    accepted = null;
    expect((await post(`${standby.url}/messages`, {})).status).to.equal(421);
    expect(await standby.forwarder.createAccountOnActiveNode('token')).to.equal(false);
    expect(hosts.slice(1)).to.deep.equal(['localhost', 'localhost']);
  });
});

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
      const response = await post(standby.url + path, {}, { headers });
      expect([response.status, sent], path).to.deep.equal([status, times]);
      if (status === 503) expect(response.body.code, path).to.equal('outcome_unknown');
    }
  });

  it('never responds that the request was not executed, whatever the next attempt gets', async () => {
    for (const [what, then] of [
      ['the active node is gone', loses],
      ['not_active', refuses('not_active')],
      ['not_alive', refuses('not_alive')],
      ['overloaded', refuses('overloaded')],
      ['unavailable', refuses('unavailable')],
      ['blocked', refuses('blocked')],
    ] as const) {
      sent = 0;
      respond = losesFirst(then);
      const { status, body } = await post(`${standby.url}/messages`, {}, { headers });
      expect([status, body.code], what).to.deep.equal([503, 'outcome_unknown']);
      expect(sent, what).to.be.above(1);
    }
  });

  it('does not respond that it was not executed either if no node is active then, or if this node has fallen', async () => {
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

  it('responds that a request was not executed if the active node has only refused it', async () => {
    respond = refuses('not_active');
    const { status, body } = await post(`${standby.url}/messages`, {}, { headers });
    expect([status, body.code]).to.deep.equal([503, 'not_active']);
  });
});

describe('A standby that forwards to an active node, when another node becomes active', () => {
  /** Below the timeout of a forwarded request, and more than a busy machine needs. */
  const SOON_MS = 9000;
  let standby: Awaited<ReturnType<typeof startStandby>>;
  let [old, successor]: Awaited<ReturnType<typeof listen>>[] = [];
  /** The requests that the old active node holds. */
  const held: http.ServerResponse[] = [];
  const peerOf = (node: string) => {
    const peer = standby.peers.find((one) => one.node === node);
    if (!peer) throw new Error(`no peer ${node}`);
    return peer;
  };
  const write = (headers: Record<string, string> = {}) => post(`${standby.url}/messages`, {}, { headers });
  const untilHeld = (count = 1) => eventually('the old active node has the requests', () => held.length === count);

  beforeEach(async () => {
    held.length = 0;
    old = await listen((_, response) => void held.push(response));
    successor = await listen((_, response) => response.end('{"from":"successor"}'));
    standby = await startStandby();
    standby.peers.push({ url: old.url, node: 'old', alive: true, active: true });
    standby.peers.push({ url: successor.url, node: 'new', alive: true, active: false });
  });
  afterEach(async () => {
    await standby.stop();
    for (const one of [old, successor]) {
      one?.server.closeAllConnections();
      one?.server.close();
    }
  });
  const succeed = () => {
    Object.assign(peerOf('old'), { active: false });
    Object.assign(peerOf('new'), { active: true });
  };

  it('sends the requests with a key that a frozen node holds to its successor, also long after their arrival', async () => {
    const writes = Array.from({ length: 100 }, (_, at) => write({ 'idempotency-key': `key-${at}` }));
    // The node accepts 64 connections; the other requests wait for one.
    await untilHeld(64);
    await always('they wait', () => held.every(({ destroyed }) => !destroyed), { forMs: TIMES.waitMs * 1.5 });
    peerOf('old').alive = false;
    succeed();
    for (const { status, body, ms } of await Promise.all(writes)) {
      expect([status, body.from]).to.deep.equal([200, 'successor']);
      expect(ms).to.be.below(SOON_MS);
    }
  });

  it('handles the requests itself if it becomes active', async () => {
    const pending = write({ 'idempotency-key': 'key' });
    await untilHeld();
    Object.assign(peerOf('old'), { alive: false, active: false });
    Object.assign(standby.cluster, { role: 'active', acceptsWrites: true });
    const { status, ms } = await pending;
    // The services of this node do nothing: it refuses the body.
    expect([status, ms < SOON_MS]).to.deep.equal([400, true]);
  });

  it('does not wait for the response of a frozen node to a request without a key', async () => {
    const pending = write();
    await untilHeld();
    peerOf('old').alive = false;
    succeed();
    const { status, body, ms } = await pending;
    expect([status, body.code, ms < SOON_MS]).to.deep.equal([503, 'outcome_unknown', true]);
  });

  it('leaves a node that has resigned the time to respond, but not for long', async () => {
    const [first, second] = [write(), write({ 'idempotency-key': 'key' })];
    await untilHeld(2);
    succeed();
    held[0]?.end('{"from":"old"}');
    const responses = await Promise.all([first, second]);
    expect(responses.map(({ body }) => body.from)).to.have.members(['old', 'successor']);
  });

  it('keeps waiting for a node that is silent but has no successor', async () => {
    const pending = write();
    await untilHeld();
    Object.assign(peerOf('old'), { alive: false, active: false });
    await always('the request is not cancelled', () => held[0]?.destroyed === false, { forMs: 150 });
    held[0]?.end('{"from":"old"}');
    expect((await pending).body).to.deep.equal({ from: 'old' });
  });
});

describe('The timeout of a request to a node', () => {
  let node: Awaited<ReturnType<typeof listen>>;
  let client: NodeClient;
  beforeEach(() => {
    client = new NodeClient();
  });
  afterEach(() => {
    client.stop();
    node.server.closeAllConnections();
    node.server.close();
  });
  const send = (timeoutMs: number) =>
    client
      .send(node.url, { method: 'POST', target: '/', headers: {}, body: Buffer.alloc(0), timeoutMs })
      .catch((error: unknown) => error);

  it('counts the wait for a connection, and reports a request that never got one as not sent', async () => {
    node = await listen(() => {});
    const held = Array.from({ length: 64 }, () => send(20_000));
    const outcome = await send(100);
    expect(outcome).to.be.instanceOf(NoResponse).with.property('isSent', false);
    client.stop();
    await Promise.all(held);
  });

  it('counts the time in which the response trickles in', async () => {
    node = await listen((_, response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await send(100))
      .to.be.instanceOf(NoResponse)
      .with.property('isSent', true);
  });
});

describe('The address of a client whose request a standby forwards', () => {
  /** Returns the address that the active node derives, with the same TRUST_PROXY as the standby. */
  const addressFor = async (trustProxy: number | string[] | null, forwarded?: string) => {
    const app = express();
    if (trustProxy !== null) app.set('trust proxy', trustProxy);
    app.use((request, response) => void response.end(JSON.stringify({ address: clientAddressOf(request) })));
    const active = await listen(app);
    const standby = await startStandby(trustProxy);
    standby.peers.push({ url: active.url, node: 'a', alive: true, active: true });
    try {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
      return (await post(`${standby.url}/messages`, {}, { headers })).body.address;
    } finally {
      await standby.stop();
      active.server.close();
    }
  };

  it('is the one that the proxies in front of the nodes add, as for a request to the active node itself', async () => {
    for (const [trustProxy, forwarded] of [
      [1, '203.0.113.1'],
      [1, '198.51.100.66, 203.0.113.1'],
      [2, '203.0.113.1, 10.0.0.1'],
      [2, '198.51.100.66, 203.0.113.1, 10.0.0.1'],
      [['loopback', '10.0.0.0/8'], '203.0.113.1'],
      [['loopback', '10.0.0.0/8'], '198.51.100.66, 203.0.113.1, 10.0.0.1'],
    ] as const) {
      const trusted = typeof trustProxy === 'number' ? trustProxy : [...trustProxy];
      expect(await addressFor(trusted, forwarded), `${trustProxy}: ${forwarded}`).to.equal('203.0.113.1');
    }
  });

  it('is never taken from the X-Forwarded-For of an untrusted client', async () => {
    expect(await addressFor(null, '198.51.100.66')).to.equal('127.0.0.1');
    expect(await addressFor(['10.0.0.0/8'], '198.51.100.66')).to.equal('127.0.0.1');
    expect(await addressFor(1, 'rubbish')).to.equal('127.0.0.1');
    expect(await addressFor(1)).to.equal('127.0.0.1');
  });
});
