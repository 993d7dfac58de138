import { expect } from 'chai';
import express from 'express';
import pg from 'pg';
import { HttpServer } from '../../../src/http/http-server.ts';
import { clientAddressOf } from '../../../src/http/request/checks/client-address.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get, post } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { localNode } from '../../support/nodes/two-nodes.ts';
import { createDatabase } from '../../support/postgres/postgres.ts';

describe('The address of a client', () => {
  /** Returns the client address that a node with these trusted `proxies` derives from the header. */
  const addressFor = async (proxies: number | string[] | null, forwarded: string) => {
    const app = express();
    if (proxies !== null) app.set('trust proxy', proxies);
    app.get('/', (request, response) => void response.end(clientAddressOf(request)));
    const server = new HttpServer(app, 10);
    const port = await server.listen(0, '127.0.0.1');
    try {
      return (await get(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': forwarded } })).text;
    } finally {
      await server.close();
    }
  };

  it('is the one that the last trusted proxy adds', async () => {
    expect(await addressFor(null, '203.0.113.1')).to.equal('127.0.0.1');
    expect(await addressFor(1, '198.51.100.1, 203.0.113.1')).to.equal('203.0.113.1');
    expect(await addressFor(2, '198.51.100.1, 203.0.113.1')).to.equal('198.51.100.1');
    expect(await addressFor(['loopback', '10.0.0.0/8'], '203.0.113.1, 10.1.2.3')).to.equal('203.0.113.1');
  });

  it('is read without port, brackets and zone, in canonical form', async () => {
    for (const [forwarded, address] of [
      ['203.0.113.1:4711', '203.0.113.1'],
      ['[2001:db8::1]:4711', '2001:db8::1'],
      ['[2001:db8::1]', '2001:db8::1'],
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['fe80::1%eth0', 'fe80::1'],
      ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ] as const) {
      expect(await addressFor(1, forwarded), forwarded).to.equal(address);
    }
  });

  it('is never text that is not an address: the hop before it is used instead', async () => {
    const rubbish = [
      'x'.repeat(400),
      'unknown',
      '_hidden',
      '',
      ',',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '0x7f.1',
      '::1::',
      '[::1',
    ];
    for (const text of [
      ...rubbish,
      `fe80::1%${'z'.repeat(400)}`,
      "'; DROP TABLE plantao.users",
      '1.2.3.4:99999999',
      'a:80',
    ]) {
      expect(await addressFor(1, text), text).to.equal('127.0.0.1');
      expect(await addressFor(1, `198.51.100.1, ${text}`), text).to.equal('127.0.0.1');
      if (!text.includes(',')) expect(await addressFor(2, `${text}, 203.0.113.1`), text).to.equal('203.0.113.1');
    }
  });

  it('never breaks signing in behind a trusted proxy, for any X-Forwarded-For', async function () {
    this.timeout(60_000);
    const database = await createDatabase();
    const sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    const env = { DATABASE_URL: database.url, PORT: String(await freePort()), AUTH: 'token', TRUST_PROXY: '1' };
    const node = localNode({ ...env, REQUESTS_PER_MINUTE: '100000' });
    await node.start();
    try {
      await untilActive(node);
      const names = ['x'.repeat(400), 'é'.repeat(300), '1'.repeat(300), `2001:db8::1%${'z'.repeat(300)}`];
      for (const [at, forwarded] of names.entries()) {
        const headers = { 'x-forwarded-for': Buffer.from(forwarded).toString('latin1') };
        const body = { username: `ana ${at}`, password: 'pão de queijo' };
        expect((await post(`${node.url}/register`, body, { headers })).status, forwarded).to.equal(201);
        expect((await post(`${node.url}/login`, body, { headers })).status, forwarded).to.equal(200);
        const wrong = await post(`${node.url}/login`, { ...body, password: 'wrong' }, { headers });
        expect(wrong.status, forwarded).to.equal(401);
      }
      const { rows } = await sql.query(
        "SELECT key FROM plantao.sign_in_attempts WHERE key LIKE '%xxx%' OR key LIKE '%zzz%'",
      );
      expect(rows).to.deep.equal([]);
    } finally {
      await node.stop();
      await sql.end();
      await database.drop();
    }
  });
});
