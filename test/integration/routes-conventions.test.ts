import { once } from 'node:events';
import http from 'node:http';
import { expect } from 'chai';
import { type Answer, del, get, type JsonObject, post, request } from '../support/http.ts';
import { useTwoNodes } from '../support/two-nodes.ts';

/** Ids that are none. In a query they are text, in a body what JSON makes of them. */
const BAD_IDS = [
  '1e9',
  '-1',
  '1.5',
  '9007199254740992',
  '1 OR 1=1',
  '0',
  '',
  ' 1',
  '0x1',
  '01',
  '+1',
  'NaN',
  '１',
  'null',
];
const BAD_JSON_IDS = [-1, 0, 1.5, 2 ** 53, 1e300, '1e9', '1 OR 1=1', '', true, null, [1], { $gt: 0 }];

/** Where a query takes an id, and what else it needs. */
const QUERIES: [path: string, field: string][] = [
  ['/chats?userId=', 'userId'],
  ['/messages?groupId=', 'groupId'],
  ['/messages?groupId=1&before=', 'before'],
  ['/messages?groupId=1&after=', 'after'],
  ['/group-users?groupId=', 'groupId'],
  ['/subscribe/status?timeout=0&groupId=', 'groupId'],
  ['/subscribe/user?timeout=0&user_id=', 'user_id'],
];
/** Where a body takes ids; each of the fields in turn is made wrong. */
const BODIES: [method: string, path: string, body: JsonObject, ids: string[]][] = [
  ['POST', '/messages', { userId: 1, groupId: 1, content: 'x' }, ['userId', 'groupId']],
  ['DELETE', '/messages', { messageId: 1 }, ['messageId']],
  ['POST', '/create-chat', { groupName: 'x', creatorId: 1, members: [] }, ['creatorId']],
  ['POST', '/group-users', { groupId: 1, userId: 1 }, ['groupId', 'userId']],
  ['DELETE', '/group-users', { groupId: 1, userId: 1 }, ['groupId', 'userId']],
];

/** Sends `body` without saying how long it is. */
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

  /** An error in the contract's shape: a sentence, a code, and one entry a field. */
  const isRefused = ({ status, body, headers }: Answer<JsonObject>, field: string, told = field) => {
    expect(status, told).to.equal(400);
    expect(headers['content-type'], told).to.equal('application/json; charset=utf-8');
    expect(Object.keys(body), told).to.have.members(['error', 'code', 'details']);
    expect(body.code, told).to.equal('invalid_request');
    expect(body.error, told).to.match(new RegExp(`^${field}: .*must`));
    const details = body.details as { field: string; problem: string }[];
    expect(
      details.map((one) => one.field),
      told,
    ).to.deep.equal([field]);
  };

  describe('that takes an id refuses what is none:', () => {
    for (const [path, field] of QUERIES) {
      it(`GET ${path}`, async () => {
        for (const id of BAD_IDS) {
          isRefused(await get(url(path + encodeURIComponent(id))), field, `${path}${id}`);
        }
      });
    }
    for (const [method, path, body, ids] of BODIES) {
      it(`${method} ${path}`, async () => {
        for (const field of ids)
          for (const id of BAD_JSON_IDS) {
            const answer = await request(method, url(path), { body: { ...body, [field]: id } });
            isRefused(answer, field, `${method} ${path} with ${field} ${JSON.stringify(id)}`);
          }
      });
    }
    it('/user/{id}/groups', async () => {
      for (const id of BAD_IDS.filter((one) => one !== '')) {
        const path = url(`/user/${encodeURIComponent(id)}/groups`);
        isRefused(await get(path), 'id', id);
        isRefused(await post(path, { groups: [] }), 'id', id);
        isRefused(await post(`${path}/x`), 'id', id);
        isRefused(await del(`${path}/x`), 'id', id);
      }
    });
    it('given twice, or as the list or object that a query parser may make of it', async () => {
      isRefused(await get(url('/chats?userId=1&userId=2')), 'userId');
      for (const query of ['userId[]=1', 'userId[a]=1', 'userid=1'])
        isRefused(await get(url(`/chats?${query}`)), 'userId');
    });
  });

  describe('that lacks a field says which, all at once:', () => {
    for (const [path, field] of QUERIES.filter(([path]) => !path.includes('&') || path.includes('user_id'))) {
      it(`GET ${path.split('?')[0]}`, async () => isRefused(await get(url(path.split('?')[0] ?? '')), field));
    }
    it('POST /messages', async () => {
      for (const body of [{}, undefined]) {
        const answer = await post<{ details: { field: string }[] }>(url('/messages'), body);
        expect(answer.status).to.equal(400);
        expect(answer.body.details.map(({ field }) => field)).to.deep.equal(['userId', 'groupId', 'content']);
      }
    });
    it('POST /login', async () => isRefused(await post(url('/login'), {}), 'username'));
    it('POST /user/1/groups', async () => isRefused(await post(url('/user/1/groups'), {}), 'groups'));
  });

  it('takes an id as a number or as digits, and ignores what it does not know', async () => {
    for (const groupId of [1, '1']) {
      const { status, body } = await post(url('/messages'), { userId: 1, groupId, content: 'x', color: 'red', id: -1 });
      expect(status).to.equal(200);
      expect(body.message).to.equal('message sent');
    }
    expect((await get(url('/chats?userId=1&debug=1&_=77'))).status).to.equal(200);
  });

  it('that is read takes a JSON body in place of the query, as the seed shows it; the query wins', async () => {
    const { body } = await get(url('/chats'), { body: { userId: 2 } });
    expect(body.user_id).to.equal(2);
    const both = await get(url('/chats?userId=1'), { body: { userId: 2 } });
    expect(both.body.user_id).to.equal(1);
    expect((await get(url('/group-users'), { body: { groupId: '1' } })).status).to.equal(200);
    expect((await get(url('/messages'), { body: { groupId: 1, limit: 1 } })).body.messages).to.have.length(1);
    isRefused(await get(url('/chats'), { body: { userId: '1 OR 1=1' } }), 'userId');
  });

  it('that deletes takes its parameters from body or query', async () => {
    const sent = await post(url('/messages'), { userId: 1, groupId: 1, content: 'to go' });
    expect((await del(url(`/messages?messageId=${sent.body.message_id}`))).status).to.equal(200);
  });

  it('refuses a body that is not JSON with 400 invalid_json', async () => {
    for (const body of ['{', '{"userId": 1,}', "{'userId': 1}", 'userId=1', '[1', '"', 'undefined', '\u0000']) {
      const answer = await post(url('/messages'), body);
      expect(answer.status, body).to.equal(400);
      expect(answer.body, body).to.deep.equal({ error: 'the body is not valid JSON', code: 'invalid_json' });
    }
  });

  it('refuses JSON that is no object', async () => {
    for (const body of ['[]', '1', '"text"', 'null', 'true', '[{"userId":1}]']) {
      const answer = await post(url('/messages'), body);
      expect(answer.status, body).to.equal(400);
      expect(answer.body.code, body).to.equal('invalid_request');
    }
  });

  it('refuses a body of another kind with 415', async () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data; boundary=x',
      'jason',
    ]) {
      const answer = await post(url('/messages'), '{}', { headers: { 'content-type': type } });
      expect(answer.status, type).to.equal(415);
      expect(answer.body.code, type).to.equal('unsupported_media_type');
    }
    const charset = { headers: { 'content-type': 'application/json; charset=latin1' } };
    expect((await post(url('/messages'), '{}', charset)).status).to.equal(415);
  });

  it('refuses a body that is too large with 413, also one that does not say its length', async () => {
    const content = 'x'.repeat(300_000);
    const answer = await post(url('/messages'), { userId: 1, groupId: 1, content });
    expect(answer.status).to.equal(413);
    expect(answer.body.code).to.equal('too_large');
    expect(await statusOfChunked(url('/messages'), JSON.stringify({ content }))).to.equal(413);
    expect(await statusOfChunked(url('/messages'), '{"userId":1,"groupId":1,"content":"in chunks"}')).to.equal(200);
  });

  it('that is none is a 404 in the same shape', async () => {
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['POST', '/messages/1'],
      ['DELETE', '/'.padEnd(2000, 'x')],
      ['GET', '/../../etc/passwd'],
      ['GET', '/user/1'],
      ['PUT', '/%00'],
    ] as const) {
      const answer = await request(method, url(path));
      expect(answer.status, path.slice(0, 40)).to.equal(404);
      expect(answer.body).to.have.all.keys('error', 'code');
      expect(answer.body.code).to.equal('not_found');
    }
  });

  it('whose path is no URL encoding is a 400, not a failure', async () => {
    for (const path of ['/notify/%E0%A4%A', '/user/%/groups', '/user/1/groups/%ZZ']) {
      const answer = await post(url(path), {});
      expect(answer.status, path).to.equal(400);
      expect(answer.body.code, path).to.equal('invalid_request');
    }
  });

  it('asked by another method says 405 and which ones it has', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/messages', 'DELETE, GET, HEAD, OPTIONS, POST'],
      ['GET', '/login', 'OPTIONS, POST'],
      ['GET', '/fall', 'OPTIONS, POST'],
      ['POST', '/chats', 'GET, HEAD, OPTIONS'],
      ['PATCH', '/group-users', 'DELETE, GET, HEAD, OPTIONS, POST'],
      ['GET', '/notify/default', 'OPTIONS, POST'],
      ['GET', '/user/1/groups/x', 'DELETE, OPTIONS, POST'],
      ['DELETE', '/health', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const answer = await request(method, url(path));
      expect(answer.status, `${method} ${path}`).to.equal(405);
      expect(answer.headers.allow, `${method} ${path}`).to.equal(allow);
      expect(answer.body).to.have.all.keys('error', 'code');
      expect(answer.body.code).to.equal('method_not_allowed');
    }
  });

  it('that is read answers HEAD as GET, without a body', async () => {
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

  it('lets any origin call, and shows it the headers that it needs', async () => {
    for (const path of ['/health', '/chats?userId=1', '/chats?userId=99', '/nothing']) {
      const { headers } = await get(url(path), { headers: { origin: 'https://else.example' } });
      expect(headers['access-control-allow-origin'], path).to.equal('*');
      expect(String(headers['access-control-expose-headers']).split(','), path).to.include.members([
        'Cursor',
        'Retry-After',
      ]);
    }
  });

  it('answers a preflight, on every node, whatever its state', async () => {
    for (const base of [nodes.active.url, nodes.standby.url]) {
      for (const path of ['/messages', '/login', '/health', '/subscribe/status']) {
        const { status, headers, text } = await request('OPTIONS', base + path, {
          headers: {
            origin: 'https://else.example',
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'content-type,idempotency-key',
          },
        });
        expect(status, path).to.equal(204);
        expect(text).to.equal('');
        expect(headers['access-control-allow-origin'], path).to.equal('*');
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

  it('names no software, and no answer is kept by a browser as unchanged', async () => {
    const { headers } = await get(url('/chats?userId=1'));
    expect(headers).to.not.have.any.keys('x-powered-by', 'etag', 'server');
  });

  it('is left whole by what looks like an attack', async () => {
    const texts = ["'; DROP TABLE plantao.users; --", '$userId', '\\', '%', '_', '{{7*7}}', '<script>', '\ud83d\ude00'];
    for (const text of texts) {
      const sent = await post(url('/messages'), { userId: 1, groupId: 1, content: text });
      expect(sent.status, text).to.equal(200);
      const { body } = await get<{ messages: { content: string }[] }>(url('/messages?groupId=1&limit=1'));
      expect(body.messages[0]?.content).to.equal(text);
      expect((await get(url(`/users?username=${encodeURIComponent(text)}`))).body).to.have.all.keys('users');
    }
    const polluted = '{"__proto__":{"userId":1},"constructor":{"prototype":{"groupId":1}},"content":"x"}';
    expect((await post(url('/messages'), polluted)).status).to.equal(400);
    expect({}).to.not.have.property('userId');
  });

  it('refuses text that PostgreSQL cannot hold, wherever it comes from', async () => {
    const nul = 'a\u0000b';
    const lone = 'a\ud800b';
    for (const text of [nul, lone]) {
      const told = JSON.stringify(text);
      isRefused(await post(url('/messages'), { userId: 1, groupId: 1, content: text }), 'content', told);
      isRefused(await post(url('/login'), { username: text }), 'username', told);
      isRefused(await post(url('/create-chat'), { groupName: text, creatorId: 1 }), 'groupName', told);
      isRefused(await post(url('/notify/x'), { payload: { deep: [text] } }), 'payload', told);
      isRefused(await post(url('/notify/x'), { payload: { [text]: 1 } }), 'payload', told);
    }
    isRefused(await get(url('/users?username=%00')), 'username');
    isRefused(await post(url('/notify/%00')), 'group');
    isRefused(await get(url('/subscribe/status?timeout=0&group=%00')), 'group');
    isRefused(await post(url('/user/1/groups/%00')), 'group');
    const looksLikeIt = { payload: ['\\u0000', '\\ud800', 'a\\', '😀'] };
    expect((await post(url('/notify/x'), looksLikeIt)).status).to.equal(200);
  });

  it('refuses JSON that is nested out of reason', async () => {
    const nested = (depth: number) => `{"payload":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect((await post(url('/notify/x'), nested(50))).status).to.equal(200);
    for (const depth of [200, 30_000, 60_000]) isRefused(await post(url('/notify/x'), nested(depth)), 'payload');
    const names = `{"groups":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
    expect((await post(url('/user/1/groups'), names)).status).to.equal(400);
  });
});

describe('CORS_ORIGIN', () => {
  const nodes = useTwoNodes({ CORS_ORIGIN: 'https://chat.example,https://two.example' });

  it('lets the named origins call and no other', async () => {
    const allowed = async (origin: string) =>
      (await get(`${nodes.active.url}/health`, { headers: { origin } })).headers['access-control-allow-origin'];
    expect(await allowed('https://chat.example')).to.equal('https://chat.example');
    expect(await allowed('https://two.example')).to.equal('https://two.example');
    expect(await allowed('https://else.example')).to.equal(undefined);
  });
});
