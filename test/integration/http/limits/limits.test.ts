import { connect } from 'node:net';
import { expect } from 'chai';
import express from 'express';
import { networkOf } from '../../../../src/chat/auth/client-network.ts';
import { HttpServer } from '../../../../src/http/http-server.ts';
import { readSettings, SettingsError } from '../../../../src/settings.ts';
import { get } from '../../../support/network/http.ts';
import { useOneNode } from '../../../support/nodes/one-node.ts';

describe('The rate limits', function () {
  this.timeout(60_000);
  const { node, people } = useOneNode({ AUTH: 'token', REQUESTS_PER_MINUTE: '60', TRUST_PROXY: 'loopback' });

  const ask = (token: string | null, address: string) =>
    get(`${node.url}/users`, {
      headers: { 'x-forwarded-for': address, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    });

  it('limit a client by address, or by user once it is authenticated, and no other client', async () => {
    const [ana, bruno] = [await people.newUser(), await people.newUser()];
    // The first request with a token counts for the address.
    expect((await ask(ana.token, '203.0.113.1')).status).to.equal(200);
    const statuses = await Promise.all(Array.from({ length: 14 }, () => ask(ana.token, '203.0.113.1')));
    expect(statuses.filter(({ status }) => status === 200)).to.have.length(10);
    const refused = statuses.find(({ status }) => status === 429);
    expect(refused?.body.code).to.equal('too_many_requests');
    expect(Number(refused?.headers['retry-after'])).to.be.within(1, 10);
    expect((await ask(ana.token, '203.0.113.2')).status).to.equal(429);
    expect((await ask(bruno.token, '203.0.113.1')).status).to.equal(200);
  });

  it('limit requests without a valid token by address, before the token is looked up', async () => {
    const tokens = Array.from({ length: 14 }, (_, at) => `${String(at).padStart(2, '0')}${'x'.repeat(41)}`);
    const statuses = await Promise.all(tokens.map(async (token) => (await ask(token, '198.51.100.7')).status));
    expect([statuses.filter((one) => one === 401).length, statuses.filter((one) => one === 429).length]).to.deep.equal([
      10, 4,
    ]);
    expect((await ask('garbage', '198.51.100.8')).status).to.equal(401);
  });

  it('do not count health checks', async () => {
    for (let times = 0; times < 15; times++) expect((await get(`${node.url}/health`)).status).to.equal(200);
  });

  it('count control routes that are not health checks', async () => {
    const call = { headers: { 'x-forwarded-for': '198.51.100.9' } };
    const responses = await Promise.all(Array.from({ length: 14 }, () => get(`${node.url}/cluster`, call)));
    expect(responses.filter(({ status }) => status === 429)).to.have.length(4);
  });
});

describe('TRUST_PROXY', () => {
  const read = (TRUST_PROXY: string) =>
    readSettings({ DATABASE_URL: 'postgres://localhost/chat', TRUST_PROXY }).trustProxy;

  it('accepts a number of proxies, or their addresses', () => {
    expect(read('2')).to.equal(2);
    expect(read('loopback, 10.0.0.0/8,2001:db8::/32')).to.deep.equal(['loopback', '10.0.0.0/8', '2001:db8::/32']);
  });

  it('accepts nothing that would let clients choose their address', () => {
    for (const wrong of ['true', '0', '10', '10.0.0.0/33', 'proxy.example', '10.0.0.1/', '1.2.3']) {
      expect(() => read(wrong), wrong).to.throw(SettingsError, 'TRUST_PROXY');
    }
  });
});

describe('The network of an address', () => {
  it('is the IPv4 address itself, and the first 64 bits of IPv6', () => {
    expect(networkOf('192.0.2.1')).to.equal('192.0.2.1');
    expect(networkOf('::ffff:192.0.2.1')).to.equal('192.0.2.1');
    expect(networkOf('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(networkOf('2001:db8::1')).to.equal(networkOf('2001:DB8:0:0:ffff::'));
    expect(networkOf('::1')).to.equal('0:0:0:0::/64');
    expect(networkOf('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
  });

  it('is the IPv4 address for every notation of a mapped address', () => {
    for (const written of ['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:c000:0201']) {
      expect(networkOf(written), written).to.equal('192.0.2.1');
    }
  });

  it('is the same for all text that is not an address', () => {
    for (const written of ['', 'x'.repeat(400), '1.2.3', "'; DROP TABLE", '1:2:3:4:5:6:7:8:9', '192.0.2.1:443']) {
      expect(networkOf(written), written).to.equal('unknown');
    }
  });
});

describe('The server', () => {
  it('refuses headers beyond 16 KiB and bytes that are not HTTP, and continues to serve', async () => {
    const server = new HttpServer(
      express().get('/', (_request, response) => void response.end('here')),
      10,
    );
    const port = await server.listen(0, '127.0.0.1');
    try {
      const raw = (text: string) =>
        new Promise<string>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => socket.write(text));
          let heard = '';
          socket.on('data', (piece) => {
            heard += piece;
          });
          socket.on('close', () => resolve(heard.split('\r\n')[0] ?? ''));
          socket.on('error', reject);
        });
      const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
      expect(await raw(`${head}X: ${'x'.repeat(17_000)}\r\n\r\n`)).to.include('431');
      expect(await raw('this is not HTTP\r\n\r\n')).to.include('400');
      const both = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
      expect(await raw(both)).to.include('400');
      expect(await raw(`${head}\r\n`)).to.include('200');
    } finally {
      await server.close();
    }
  });
});
