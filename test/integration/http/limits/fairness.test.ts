import { expect } from 'chai';
import express from 'express';
import { HttpServer } from '../../../../src/http/http-server.ts';
import { eventually } from '../../../support/eventually.ts';
import { bearer, get } from '../../../support/network/http.ts';
import { figureOf } from '../../../support/network/metrics.ts';
import { People, type Person } from '../../../support/network/people.ts';
import { getText, RawClient } from '../../../support/network/raw-client.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Pipelined requests of one connection that a node handles concurrently. */
const PIPELINED = 16;
const CONNECTIONS = 8;

describe('A client that requests many long pages', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes({ AUTH: 'token' });
  const { sql } = nodes;
  let [flooder, other]: Person[] = [];
  let groupId: number;
  before(async () => {
    const people = new People(sql);
    [flooder, other] = [await people.newUser(), await people.newUser()];
    groupId = await people.group('Geral', [flooder, other]);
    await sql.query(
      `INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, repeat('ã', 500) FROM generate_series(1, 200)`,
      [groupId, flooder.id],
    );
  });

  const page = () => `/messages?groupId=${groupId}&limit=200`;
  const headersOf = (person: Person | undefined) => `Host: localhost\r\nAuthorization: Bearer ${person?.token}\r\n`;
  const flood = () =>
    Promise.all(
      Array.from({ length: CONNECTIONS }, async () =>
        (await RawClient.open(nodes.active.url)).send(getText(page(), headersOf(flooder)).repeat(PIPELINED)),
      ),
    );

  it('delays another client by no more than the few pages that are being read', async () => {
    const clients = await flood();
    const count = () => clients.reduce((sum, { statuses }) => sum + statuses.length, 0);
    await eventually('the first page is there', () => count() > 0);
    const before = count();
    const { status } = await get(`${nodes.active.url}${page()}`, bearer(other?.token));
    const meanwhile = count() - before;
    await eventually('all pages are there', () => count() === CONNECTIONS * PIPELINED, { within: 30_000 });
    for (const client of clients) client.destroy();
    expect(status).to.equal(200);
    expect(meanwhile).to.be.below(CONNECTIONS * 4);
    expect([200, 503]).to.include.members([...new Set(clients.flatMap(({ statuses }) => statuses))]);
  });

  it('leaves the queue when it disconnects', async () => {
    const clients = await flood();
    await eventually('some wait', async () => (await figureOf(nodes.active.url, 'plantao_queued_requests')) > 10);
    for (const client of clients) client.destroy();
    await eventually('none wait', async () => (await figureOf(nodes.active.url, 'plantao_queued_requests')) === 0, {
      within: 20_000,
    });
    await eventually('no request is left', async () => (await figureOf(nodes.active.url, 'plantao_requests')) === 1);
  });
});

describe('A connection with many pipelined requests that are handled at once', () => {
  it('leaves turns of the event loop to other connections', async () => {
    const app = express();
    let handled = 0;
    app.get('/busy', (_request, response) => {
      handled += 1;
      for (const until = performance.now() + 5; performance.now() < until; );
      response.send('x');
    });
    app.get('/handled', (_request, response) => void response.send(`handled ${handled} before`));
    const server = new HttpServer(app, 10);
    const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    const [flooder, other] = [await RawClient.open(url), await RawClient.open(url)];
    try {
      flooder.send(getText('/busy').repeat(300));
      other.send(getText('/handled'));
      await eventually('the other one has its response', () => other.heard.includes('before'));
      expect(Number(/handled (\d+) before/.exec(other.heard)?.[1])).to.be.below(50);
      await eventually('all are handled', () => flooder.statuses.length === 300, { within: 20_000 });
    } finally {
      for (const client of [flooder, other]) client.destroy();
      await server.close();
    }
  });
});
