import { expect } from 'chai';
import { HostCheck } from '../../../src/http/request/checks/host-check.ts';
import { eventually } from '../../support/eventually.ts';
import { get, post, request } from '../../support/network/http.ts';
import { getText, postText, RawClient } from '../../support/network/raw-client.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

const CHATS = '/chats?userId=1';

describe('The header Host', () => {
  const nodes = useTwoNodes();
  const statusFor = async (host: string, path = CHATS) =>
    (await get(nodes.active.url + path, { headers: { host } })).status;

  it('accepts every loopback name in every notation', async () => {
    for (const host of [
      'localhost',
      'LocalHost:8080',
      'localhost.',
      'app.localhost:3000',
      '127.0.0.1',
      '127.1.2.3:80',
      '[::1]',
      '[::1]:8080',
      '[0:0:0:0:0:0:0:1]',
      '[::ffff:127.0.0.1]:8080',
    ]) {
      expect(await statusFor(host), host).to.equal(200);
    }
  });

  it('is refused with 421 for another name, for reads, writes, pages and preflights', async () => {
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil-localhost',
      'localhost.evil.example.:8080',
      '127.0.0.1.evil.example',
      '[::2]',
      '192.0.2.1:8080',
      '0.0.0.0',
    ]) {
      expect(await statusFor(host), host).to.equal(421);
    }
    for (const [method, path] of [
      ['POST', '/fall'],
      ['POST', '/login'],
      ['GET', '/home'],
      ['GET', '/cluster'],
      ['GET', '/'],
      ['GET', '/nothing'],
      ['OPTIONS', '/messages'],
    ] as const) {
      const response = await request(method, nodes.active.url + path, { headers: { host: 'evil.example' } });
      expect(response.status, path).to.equal(421);
      expect(response.body.code).to.equal('misdirected_request');
    }
    expect((await get<{ active: boolean }>(`${nodes.active.url}/health`)).body.active).to.equal(true);
  });

  it('is not checked for health checks, so that probes by address or without a name work', async () => {
    for (const path of ['/health', '/liveness', '/readiness', '/primary', '/metrics']) {
      expect(await statusFor('10.42.0.7:8080', path), path).to.equal(200);
    }
    const client = await RawClient.open(nodes.active.url);
    await client.send('GET /primary HTTP/1.0\r\n\r\n').closed();
    expect(client.statuses).to.deep.equal([200]);
  });

  it('is required once, and is replaced by the host of an absolute target', async () => {
    const statusOf = async (text: string) => {
      const client = await RawClient.open(nodes.active.url);
      client.send(text);
      await eventually('it has a response', () => client.statuses[0]);
      client.destroy();
      return client.statuses[0];
    };
    expect(await statusOf(getText(`http://evil.example${CHATS}`))).to.equal(421);
    expect(await statusOf(getText(`http://localhost:1${CHATS}`))).to.equal(200);
    expect(await statusOf(getText(`http://localhost${CHATS}`, 'Host: evil.example\r\n'))).to.equal(200);
    const ofPage = 'Host: evil.example\r\nOrigin: http://evil.example\r\n';
    expect(await statusOf(getText(`http://localhost${CHATS}`, ofPage))).to.equal(403);
    expect(await statusOf(getText(`http:///${CHATS}`, 'Host: localhost\r\n'))).to.equal(400);
    expect(await statusOf(getText(CHATS, 'Host: localhost\r\nHost: evil.example\r\n'))).to.equal(400);
    expect(await statusOf(getText(CHATS, 'Host: localhost@evil.example\r\n'))).to.equal(400);
    expect(await statusOf(getText(CHATS, 'Host: localhost:99999\r\n'))).to.equal(400);
    expect(await statusOf(`GET ${CHATS} HTTP/1.0\r\n\r\n`)).to.equal(421);
    for (const path of [CHATS, '/health', '*']) {
      const client = await RawClient.open(nodes.active.url);
      client.send(getText(path, ''));
      await eventually('it has a response', () => client.heard.includes('"code":"invalid_request"'));
      expect(client.statuses).to.deep.equal([400]);
      client.destroy();
    }
    expect(await statusOf(postText('/fall', {}, 'Host: evil.example\r\n'))).to.equal(421);
  });

  it('accepts HOST, the host of NODE_URL, names in ALLOWED_HOSTS, and the address of the connection', () => {
    const check = new HostCheck(['0.0.0.0', 'proxy.example', '*.inside.example'], () => 'http://Chat.example:9000');
    const isOurs = (host: string, localAddress = '127.0.0.1') => {
      const asked = { headers: { host }, rawHeaders: ['Host', host], url: '/chats', socket: { localAddress } };
      try {
        check.check(asked as never, '/chats');
        return true;
      } catch {
        return false;
      }
    };
    for (const host of ['0.0.0.0:80', 'chat.EXAMPLE', 'proxy.example.', 'a.inside.example', 'a.b.inside.example:1']) {
      expect(isOurs(host), host).to.equal(true);
    }
    for (const host of ['inside.example', 'ainside.example', 'other.example', '10.0.0.5']) {
      expect(isOurs(host), host).to.equal(false);
    }
    expect(isOurs('10.0.0.5:8080', '::ffff:10.0.0.5')).to.equal(true);
    expect(isOurs('[fe80::1]', 'fe80::1%eth0')).to.equal(true);
  });
});

describe('A page of another origin', () => {
  const nodes = useTwoNodes();
  const foreign = [
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'https://evil.example, http://localhost',
  ];

  it('can neither act nor read, with any kind of browser request', async () => {
    for (const origin of foreign) {
      const headers = { origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
      for (const [method, path, body] of [
        ['POST', '/fall', undefined],
        ['POST', '/notify/default', {}],
        ['POST', '/messages', { userId: 1, groupId: 1, content: 'from elsewhere' }],
        ['GET', CHATS, undefined],
        ['GET', '/subscribe/status?timeout=0', undefined],
        ['GET', '/cluster', undefined],
      ] as const) {
        const response = await request(method, nodes.active.url + path, { headers, body });
        expect(response.status, `${origin} ${path}`).to.equal(403);
        expect(response.body.code).to.equal('foreign_origin');
        expect(response.headers).to.not.have.property('access-control-allow-origin');
      }
    }
    expect((await get<{ active: boolean }>(`${nodes.active.url}/health`)).body.active).to.equal(true);
    expect((await get(`${nodes.active.url}/messages?groupId=1`)).text).to.not.include('from elsewhere');
  });

  it('gets nothing through an image, a frame or a form, which send no Origin', async () => {
    const site = { 'sec-fetch-site': 'cross-site' };
    const read = async (path: string, headers: Record<string, string>) =>
      (await get(nodes.active.url + path, { headers })).status;
    expect(await read(CHATS, { ...site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).to.equal(403);
    expect(await read(CHATS, site)).to.equal(403);
    expect(await read('/home', { ...site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' })).to.equal(403);
    expect(await read(CHATS, { ...site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })).to.equal(403);
    const form = {
      ...site,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      origin: 'https://evil.example',
    };
    expect((await post(`${nodes.active.url}/fall`, undefined, { headers: form })).status).to.equal(403);
  });

  it("may link to the pages and to the node's state", async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    for (const path of ['/home', '/docs', '/cluster', '/health', '/openapi.json']) {
      expect((await get(nodes.active.url + path, { headers: link })).status, path).to.equal(200);
    }
    expect((await get(`${nodes.active.url}/`, { headers: { ...link, accept: 'text/html' } })).status).to.equal(302);
  });

  it('may send requests if it is on loopback, whatever its port; so may our own pages and typed addresses', async () => {
    for (const origin of [
      'http://localhost:3000',
      'http://127.0.0.1:5173',
      'http://[::1]:1',
      'https://app.localhost',
    ]) {
      const headers = { origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' };
      const { status, headers: received } = await get(nodes.active.url + CHATS, { headers });
      expect(status, origin).to.equal(200);
      expect(received['access-control-allow-origin']).to.equal(origin);
    }
    for (const site of ['same-origin', 'same-site', 'none']) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
      expect((await get(nodes.active.url + CHATS, { headers })).status, site).to.equal(200);
    }
  });
});

describe('A page of another origin with AUTH=token and CORS_ORIGIN', () => {
  const nodes = useTwoNodes({ AUTH: 'token', CORS_ORIGIN: 'https://Chat.example/' });

  it('is refused for its origin before its token is checked; a named origin is not', async () => {
    const status = async (origin: string) =>
      (await get(nodes.active.url + CHATS, { headers: { origin, 'sec-fetch-site': 'cross-site' } })).status;
    expect(await status('https://evil.example')).to.equal(403);
    expect(await status('https://chat.example:8443')).to.equal(403);
    expect(await status('https://chat.example')).to.equal(401);
    expect((await get(nodes.active.url + CHATS, { headers: { host: 'evil.example' } })).status).to.equal(421);
  });
});
