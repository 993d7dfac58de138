import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get } from '../../support/network/http.ts';
import { getText, postText, RawClient } from '../../support/network/raw-client.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

describe('The framing of a request', () => {
  const nodes = useTwoNodes();
  const post = { userId: 1, groupId: 1, content: 'framed' };
  const chunked = (coding: string) => {
    const body = JSON.stringify(post);
    const head = `POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${coding}\r\n`;
    return `${head}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  };
  const once = async (text: string) => {
    const client = (await RawClient.open(nodes.active.url)).send(text);
    await eventually('it has a response', () => client.statuses.length > 0 || client.isClosed);
    client.destroy();
    return { status: client.statuses[0], text: client.heard };
  };

  it('may be chunked, and is refused with any other transfer coding', async () => {
    expect((await once(chunked('Transfer-Encoding: Chunked\r\n'))).status).to.equal(200);
    for (const coding of ['gzip, chunked', 'identity, chunked', 'gzip\r\nTransfer-Encoding: chunked']) {
      const { status, text } = await once(chunked(`Transfer-Encoding: ${coding}\r\n`));
      expect([status, text.includes('"code":"invalid_request"')], coding).to.deep.equal([400, true]);
    }
  });

  it('loses no header, however many there are before it', async () => {
    const many = 'a:1\r\n'.repeat(2500);
    const keyed = postText('/messages', post, `Host: localhost\r\n${many}Idempotency-Key: behind-many\r\n`);
    const [first, second] = [await once(keyed), await once(keyed)];
    const idIn = (text: string) => /"message_id":(\d+)/.exec(text)?.[1];
    expect([first.status, second.status]).to.deep.equal([200, 200]);
    expect(idIn(second.text)).to.equal(idIn(first.text));
    expect((await once(getText('/groups', `${many}Host: localhost\r\n`))).status).to.equal(200);
  });

  for (const [name, value] of [
    ['Host', 'localhost'],
    ['Authorization', 'Bearer a'],
    ['Content-Type', 'application/json'],
    ['content-type', 'text/plain'],
    ['AUTHORIZATION', 'Bearer b'],
  ] as const) {
    it(`is refused with a second header that may occur once: ${name}: ${value}`, async () => {
      const headers = `Host: localhost\r\nAuthorization: Bearer a\r\n${name}: ${value}\r\n`;
      const { status, text } = await once(postText('/messages', post, headers));
      expect([status, /: must be sent once/.test(text)]).to.deep.equal([400, true]);
      const other = headers.replace(`${name}: ${value}\r\n`, 'X-Other: a\r\nX-Other: b\r\n');
      expect((await once(postText('/messages', post, other))).status).to.equal(200);
    });
  }

  it('may request the methods that the whole server supports (OPTIONS *)', async () => {
    const { status, text } = await once('OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(status).to.equal(204);
    expect(text).to.match(/^Allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST\r$/m);
    expect((await once(getText('*'))).status).to.equal(400);
    expect((await once('OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n')).status).to.equal(421);
  });

  it('may request the methods that a path supports; a preflight request gets those of all routes', async () => {
    const ask = (path: string, headers = '') => once(`OPTIONS ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
    for (const [path, allow] of [
      ['/messages', 'DELETE, GET, HEAD, OPTIONS, PATCH, POST'],
      ['/user/1/groups', 'GET, HEAD, OPTIONS, POST'],
      ['/hooks/some-token', 'OPTIONS, POST'],
    ] as const) {
      const { status, text } = await ask(path);
      expect(status, path).to.equal(204);
      expect(text, path).to.contain(`\r\nAllow: ${allow}\r\n`);
    }
    expect((await ask('/unknown')).status).to.equal(404);
    const preflight = await ask(
      '/messages',
      'Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n',
    );
    expect(preflight.status).to.equal(204);
    expect(preflight.text).to.contain('\r\nAccess-Control-Allow-Methods: GET,HEAD,POST,PATCH,DELETE\r\n');
  });

  describe('with Expect: 100-continue', () => {
    const waiting = (path: string, length: number, host = 'localhost') =>
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;

    it('gets 100 before it sends its body, and keeps its connection', async () => {
      const body = JSON.stringify(post);
      const client = (await RawClient.open(nodes.active.url)).send(waiting('/messages', body.length));
      await eventually('the node asks for the body', () => client.statuses[0]);
      client.send(body);
      await eventually('it has a response', () => client.statuses.length === 2);
      client.send(getText('/health'));
      await eventually('the next one has a response', () => client.statuses.length === 3);
      expect(client.statuses).to.deep.equal([100, 200, 200]);
      client.destroy();
    });

    it('closes its connection after the response if it asks for that', async () => {
      const body = JSON.stringify(post);
      const head = waiting('/messages', body.length).replace('Expect', 'Connection: close\r\nExpect');
      const client = (await RawClient.open(nodes.active.url)).send(head);
      await eventually('the node asks for the body', () => client.statuses[0]);
      client.send(body);
      await eventually('the node closes the connection', () => client.isEnded);
      expect(client.statuses).to.deep.equal([100, 200]);
      expect(client.heard)
        .to.match(/\r\nConnection: close\r\n/i)
        .and.not.match(/keep-alive/i);
      client.destroy();
    });

    for (const [refusal, status, request] of [
      ['too large', 413, waiting('/messages', 1_000_000)],
      ['for another node', 421, waiting('/messages', 50, 'evil.example')],
      ['without a route', 404, waiting('/nothing', 50)],
    ] as const) {
      it(`is refused before it has sent a body that is ${refusal}, and its connection closes`, async () => {
        const client = (await RawClient.open(nodes.active.url)).send(request);
        await eventually('the node closes the connection', () => client.isEnded);
        expect(client.statuses).to.deep.equal([status]);
        client.destroy();
      });
    }
  });

  it('is refused if it asks for a tunnel, and the refusal has a body', async () => {
    const { status, text } = await once('CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect([status, text.includes('"code":"invalid_request"')]).to.deep.equal([400, true]);
    expect((await get(`${nodes.active.url}/health`)).status).to.equal(200);
  });
});
