import { once } from 'node:events';
import http from 'node:http';
import { expect } from 'chai';
import { get, post, request } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Sends `body` without a Content-Length. */
async function statusOfChunked(url: string, body: string): Promise<number | undefined> {
  const outgoing = http.request(url, { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } });
  outgoing.write(body.slice(0, 10));
  outgoing.end(body.slice(10));
  const [incoming] = (await once(outgoing, 'response')) as [http.IncomingMessage];
  incoming.resume();
  await once(incoming, 'end');
  return incoming.statusCode;
}

describe('Every route', () => {
  const nodes = useTwoNodes();
  const url = (path: string) => nodes.active.url + path;

  it('refuses a body that is not JSON with 400 invalid_json', async () => {
    for (const body of ['{', '{"userId": 1,}', "{'userId': 1}", 'userId=1', '[1', '"', 'undefined', '\u0000']) {
      const response = await post(url('/messages'), body);
      expect(response.status, body).to.equal(400);
      expect(response.body, body).to.deep.equal({ error: 'the body is not valid JSON', code: 'invalid_json' });
    }
  });

  it('refuses JSON that is not an object', async () => {
    for (const body of ['[]', '1', '"text"', 'null', 'true', '[{"userId":1}]']) {
      const response = await post(url('/messages'), body);
      expect(response.status, body).to.equal(400);
      expect(response.body.code, body).to.equal('invalid_request');
    }
  });

  it('refuses a body of another media type with 415', async () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data; boundary=x',
      'jason',
    ]) {
      const response = await post(url('/messages'), '{}', { headers: { 'content-type': type } });
      expect(response.status, type).to.equal(415);
      expect(response.body.code, type).to.equal('unsupported_media_type');
    }
    const charset = { headers: { 'content-type': 'application/json; charset=latin1' } };
    expect((await post(url('/messages'), '{}', charset)).status).to.equal(415);
  });

  it('refuses a body that is too large with 413, with or without Content-Length', async () => {
    const content = 'x'.repeat(300_000);
    const response = await post(url('/messages'), { userId: 1, groupId: 1, content });
    expect(response.status).to.equal(413);
    expect(response.body.code).to.equal('too_large');
    expect(await statusOfChunked(url('/messages'), JSON.stringify({ content }))).to.equal(413);
    expect(await statusOfChunked(url('/messages'), '{"userId":1,"groupId":1,"content":"in chunks"}')).to.equal(200);
  });

  it('returns 404 in the error format for an unknown path', async () => {
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['POST', '/messages/1'],
      ['DELETE', '/'.padEnd(2000, 'x')],
      ['GET', '/../../etc/passwd'],
      ['GET', '/user/1'],
      ['PUT', '/%00'],
    ] as const) {
      const response = await request(method, url(path));
      expect(response.status, path.slice(0, 40)).to.equal(404);
      expect(response.body).to.have.all.keys('error', 'code');
      expect(response.body.code).to.equal('not_found');
    }
  });

  it('returns 400 for a path with invalid URL encoding', async () => {
    for (const path of ['/notify/%E0%A4%A', '/user/%/groups', '/user/1/groups/%ZZ']) {
      const response = await post(url(path), {});
      expect(response.status, path).to.equal(400);
      expect(response.body.code, path).to.equal('invalid_request');
    }
  });

  it('returns 405 with Allow for another method', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/messages', 'DELETE, GET, HEAD, OPTIONS, PATCH, POST'],
      ['GET', '/login', 'OPTIONS, POST'],
      ['GET', '/fall', 'OPTIONS, POST'],
      ['POST', '/chats', 'GET, HEAD, OPTIONS'],
      ['PUT', '/group-users', 'DELETE, GET, HEAD, OPTIONS, PATCH, POST'],
      ['GET', '/notify/default', 'OPTIONS, POST'],
      ['GET', '/user/1/groups/x', 'DELETE, OPTIONS, POST'],
      ['DELETE', '/health', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const response = await request(method, url(path));
      expect(response.status, `${method} ${path}`).to.equal(405);
      expect(response.headers.allow, `${method} ${path}`).to.equal(allow);
      expect(response.body).to.have.all.keys('error', 'code');
      expect(response.body.code).to.equal('method_not_allowed');
    }
  });

  it('responds to HEAD like GET, without a body', async () => {
    for (const path of [
      '/',
      '/health',
      '/chats?userId=1',
      '/messages?groupId=1',
      '/cluster',
      '/groups',
      '/readiness',
    ]) {
      const [head, whole] = [await request('HEAD', url(path)), await get(url(path))];
      expect(head.status, path).to.equal(whole.status);
      expect(head.headers['content-type'], path).to.equal(whole.headers['content-type']);
      expect(head.text, path).to.equal('');
      expect(whole.text, path).to.not.equal('');
    }
    expect((await request('HEAD', url('/chats?userId=99'))).status).to.equal(404);
    const poll = await request('HEAD', url('/subscribe/status?timeout=0'));
    expect(poll.status).to.equal(204);
    expect(poll.headers.cursor).to.match(/^[0-9a-f]{12}-\d+$/);
  });

  it('lets any loopback origin call and read the exposed headers', async () => {
    for (const path of ['/health', '/chats?userId=1', '/chats?userId=99', '/nothing']) {
      const { headers } = await get(url(path), { headers: { origin: 'http://127.0.0.1:5173' } });
      expect(headers['access-control-allow-origin'], path).to.equal('http://127.0.0.1:5173');
      expect(String(headers['access-control-expose-headers']).split(','), path).to.include.members([
        'Cursor',
        'Retry-After',
      ]);
    }
  });

  it('responds to a preflight on every node in every state', async () => {
    for (const base of [nodes.active.url, nodes.standby.url]) {
      for (const path of ['/messages', '/login', '/health', '/subscribe/status']) {
        const { status, headers, text } = await request('OPTIONS', base + path, {
          headers: {
            origin: 'http://localhost:3000',
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type,idempotency-key',
          },
        });
        expect(status, path).to.equal(204);
        expect(text).to.equal('');
        expect(headers['access-control-allow-origin'], path).to.equal('http://localhost:3000');
        expect(String(headers['access-control-allow-methods']).split(','), path).to.include.members([
          'GET',
          'POST',
          'DELETE',
        ]);
        const allowed = String(headers['access-control-allow-headers']).toLowerCase().split(',');
        expect(allowed, path).to.include.members(['content-type', 'authorization', 'idempotency-key']);
      }
    }
  });

  it('names no software and lets browsers cache no response', async () => {
    const { headers } = await get(url('/chats?userId=1'));
    expect(headers).to.not.have.any.keys('x-powered-by', 'etag', 'server');
  });
});

describe('CORS_ORIGIN', () => {
  const nodes = useTwoNodes({ CORS_ORIGIN: 'https://chat.example,https://two.example' });

  it('lets only the named origins call', async () => {
    const allowed = async (origin: string) =>
      (await get(`${nodes.active.url}/health`, { headers: { origin } })).headers['access-control-allow-origin'];
    expect(await allowed('https://chat.example')).to.equal('https://chat.example');
    expect(await allowed('https://two.example')).to.equal('https://two.example');
    expect(await allowed('https://else.example')).to.equal(undefined);
  });
});
