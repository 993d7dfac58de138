import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { getText, RawClient } from '../../../support/network/raw-client.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

const MEGABYTE = 1024 * 1024;
const JSON_TYPE = 'Content-Type: application/json\r\n';
const head = (path: string, headers: string) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe('A body in chunks of one byte', function () {
  this.timeout(30_000);
  const nodes = useTwoNodes();
  const notify = (characters: number) => {
    const body = JSON.stringify({ payload: 'a'.repeat(characters) });
    return `${head('/notify/x', `${JSON_TYPE}Transfer-Encoding: chunked\r\n`)}${Array.from(body, chunk).join('')}${chunk('')}`;
  };

  it('is read if it is short', async () => {
    const client = (await RawClient.open(nodes.active.url)).send(notify(2000) + getText('/health'));
    await eventually('both have a response', () => client.statuses.length === 2);
    expect(client.statuses).to.deep.equal([200, 200]);
    client.destroy();
  });

  for (const [what, text] of [
    ['that is long', notify(60_000)],
    ['that is too large', notify(300_000)],
    ['that continues after a pause', [notify(60_000).slice(0, 30_100), notify(60_000).slice(30_100)]],
  ] as const) {
    it(`gets 413, and its connection is closed: one ${what}`, async () => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.open(nodes.active.url)));
      for (const client of clients) {
        const [first = '', second] = [text].flat();
        client.send(first);
        if (second !== undefined) setImmediate(() => client.send(second));
      }
      await eventually('all have a response', () => clients.every(({ statuses }) => statuses.length > 0));
      expect(clients.map(({ statuses }) => statuses)).to.deep.equal(clients.map(() => [413]));
      await eventually('all are disconnected', () => clients.every(({ isEnded }) => isEnded), { within: 8000 });
      for (const client of clients) client.destroy();
    });
  }
});

describe('A client that continues a body after the response', function () {
  this.timeout(30_000);
  const nodes = useTwoNodes();

  for (const [what, status, request, more] of [
    ['chunks of one byte', 404, head('/nothing', 'Transfer-Encoding: chunked\r\n'), chunk('a').repeat(20_000)],
    [
      'chunks of one byte beyond the limit of a body',
      413,
      head('/messages', `${JSON_TYPE}Transfer-Encoding: chunked\r\n`) + chunk('a'.repeat(MEGABYTE)),
      chunk('a').repeat(20_000),
    ],
    [
      'more megabytes than a node discards',
      413,
      head('/messages', `${JSON_TYPE}Content-Length: 9007199254740993\r\n`),
      'a'.repeat(20 * MEGABYTE),
    ],
  ] as const) {
    it(`gets it, and is disconnected when it sends ${what}`, async () => {
      const client = (await RawClient.open(nodes.active.url)).send(request);
      await eventually('it has the response', () => client.statuses.length > 0);
      client.send(more);
      await eventually('it is disconnected', () => client.isEnded, { within: 8000 });
      expect(client.statuses).to.deep.equal([status]);
      client.destroy();
    });
  }

  for (const [what, request] of [
    ['in one piece', head('/nothing', `Content-Length: ${MEGABYTE}\r\n`) + 'a'.repeat(MEGABYTE)],
    [
      'in chunks',
      `${head('/nothing', 'Transfer-Encoding: chunked\r\n') + chunk('a'.repeat(1000)).repeat(300)}${chunk('')}`,
    ],
    [
      'in chunks of one byte',
      `${head('/nothing', 'Transfer-Encoding: chunked\r\n') + chunk('a').repeat(500)}${chunk('')}`,
    ],
  ] as const) {
    it(`keeps its connection if it sends less, and completes it ${what}`, async () => {
      const client = (await RawClient.open(nodes.active.url)).send(request + getText('/health'));
      await eventually('both have a response', () => client.statuses.length === 2);
      expect(client.statuses).to.deep.equal([404, 200]);
      client.destroy();
    });
  }
});
