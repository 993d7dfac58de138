import { expect } from 'chai';
import { del, get, type HttpResponse, type JsonObject, post, request } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Invalid ids. They are text in a query, and JSON values in a body. */
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

/** Queries that take an id, with the other parameters that they need. */
const QUERIES: [path: string, field: string][] = [
  ['/chats?userId=', 'userId'],
  ['/messages?groupId=', 'groupId'],
  ['/messages?groupId=1&before=', 'before'],
  ['/messages?groupId=1&after=', 'after'],
  ['/group-users?groupId=', 'groupId'],
  ['/subscribe/status?timeout=0&groupId=', 'groupId'],
  ['/subscribe/user?timeout=0&user_id=', 'user_id'],
];
/** Bodies that take ids. Each field in turn gets an invalid value. */
const BODIES: [method: string, path: string, body: JsonObject, ids: string[]][] = [
  ['POST', '/messages', { userId: 1, groupId: 1, content: 'x' }, ['userId', 'groupId']],
  ['DELETE', '/messages', { messageId: 1 }, ['messageId']],
  ['POST', '/create-chat', { groupName: 'x', creatorId: 1, members: [] }, ['creatorId']],
  ['POST', '/group-users', { groupId: 1, userId: 1 }, ['groupId', 'userId']],
  ['DELETE', '/group-users', { groupId: 1, userId: 1 }, ['groupId', 'userId']],
];

describe('The input of a request', () => {
  const nodes = useTwoNodes();
  const url = (path: string) => nodes.active.url + path;

  /** Checks an error's format: a sentence, a code, and an entry for each field. */
  const expectRefused = ({ status, body, headers }: HttpResponse<JsonObject>, field: string, what = field) => {
    expect(status, what).to.equal(400);
    expect(headers['content-type'], what).to.equal('application/json; charset=utf-8');
    expect(Object.keys(body), what).to.have.members(['error', 'code', 'details']);
    expect(body.code, what).to.equal('invalid_request');
    expect(body.error, what).to.match(new RegExp(`^${field}: .*must`));
    const details = body.details as { field: string; problem: string }[];
    expect(
      details.map((one) => one.field),
      what,
    ).to.deep.equal([field]);
  };

  describe('is refused when an id is invalid:', () => {
    for (const [path, field] of QUERIES) {
      it(`GET ${path}`, async () => {
        // 0 is the place before the first message.
        for (const id of field === 'after' ? BAD_IDS.filter((bad) => bad !== '0') : BAD_IDS) {
          expectRefused(await get(url(path + encodeURIComponent(id))), field, `${path}${id}`);
        }
      });
    }
    for (const [method, path, body, ids] of BODIES) {
      it(`${method} ${path}`, async () => {
        for (const field of ids)
          for (const id of BAD_JSON_IDS) {
            const response = await request(method, url(path), { body: { ...body, [field]: id } });
            expectRefused(response, field, `${method} ${path} with ${field} ${JSON.stringify(id)}`);
          }
      });
    }
    it('GET, POST and DELETE /user/{id}/groups', async () => {
      for (const id of BAD_IDS.filter((one) => one !== '')) {
        const path = url(`/user/${encodeURIComponent(id)}/groups`);
        expectRefused(await get(path), 'id', id);
        expectRefused(await post(path, { groups: [] }), 'id', id);
        expectRefused(await post(`${path}/x`), 'id', id);
        expectRefused(await del(`${path}/x`), 'id', id);
      }
    });
    it('if it is repeated, or is a list or object in the syntax of query parsers', async () => {
      expectRefused(await get(url('/chats?userId=1&userId=2')), 'userId');
      for (const query of ['userId[]=1', 'userId[a]=1', 'userid=1'])
        expectRefused(await get(url(`/chats?${query}`)), 'userId');
    });
  });

  describe('is refused when fields are missing, and the error names them all:', () => {
    for (const [path, field] of QUERIES.filter(([path]) => !path.includes('&') || path.includes('user_id'))) {
      it(`GET ${path.split('?')[0]}`, async () => expectRefused(await get(url(path.split('?')[0] ?? '')), field));
    }
    it('POST /messages', async () => {
      for (const body of [{}, undefined]) {
        const response = await post<{ details: { field: string }[] }>(url('/messages'), body);
        expect(response.status).to.equal(400);
        expect(response.body.details.map(({ field }) => field)).to.deep.equal(['groupId', 'content']);
      }
      // Optional, because with AUTH=token the token says who calls.
      expectRefused(await post(url('/messages'), { groupId: 1, content: 'x' }), 'userId');
    });
    it('POST /login', async () => expectRefused(await post(url('/login'), {}), 'username'));
    it('POST /user/1/groups', async () => expectRefused(await post(url('/user/1/groups'), {}), 'groups'));
  });

  it('accepts an id as a number or as digits, and ignores unknown fields', async () => {
    for (const groupId of [1, '1']) {
      const { status, body } = await post(url('/messages'), { userId: 1, groupId, content: 'x', color: 'red', id: -1 });
      expect(status).to.equal(200);
      expect(body.message).to.equal('message sent');
    }
    expect((await get(url('/chats?userId=1&debug=1&_=77'))).status).to.equal(200);
  });

  it('may be a JSON body on a GET; the query takes precedence', async () => {
    const { body } = await get(url('/chats'), { body: { userId: 2 } });
    expect(body.user_id).to.equal(2);
    const both = await get(url('/chats?userId=1'), { body: { userId: 2 } });
    expect(both.body.user_id).to.equal(1);
    expect((await get(url('/group-users'), { body: { groupId: '1' } })).status).to.equal(200);
    expect((await get(url('/messages'), { body: { groupId: 1, limit: 1 } })).body.messages).to.have.length(1);
    expectRefused(await get(url('/chats'), { body: { userId: '1 OR 1=1' } }), 'userId');
  });

  it('may be in the body or the query of a DELETE', async () => {
    const sent = await post(url('/messages'), { userId: 1, groupId: 1, content: 'to go' });
    expect((await del(url(`/messages?messageId=${sent.body.message_id}`))).status).to.equal(200);
  });

  it('is stored unchanged when it looks like an attack', async () => {
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

  it('is refused as the text of a message if nothing of it can be seen', async () => {
    const { body } = await post(url('/messages'), { userId: 1, groupId: 1, content: 'to change' });
    for (const text of [
      '',
      ' \n',
      '\u3000',
      '\ufeff',
      '\u200b',
      '\u200d\u200b \u202e',
      '\u2800',
      '\u3164',
      '\ufe0f',
      '\u0007',
    ]) {
      const what = JSON.stringify(text);
      expectRefused(await post(url('/messages'), { userId: 1, groupId: 1, content: text }), 'content', what);
      const edit = { messageId: body.message_id, content: text };
      expectRefused(await request('PATCH', url('/messages'), { body: edit }), 'content', what);
    }
    for (const text of ['\u200bx', '\u202eשלום', '❤\ufe0f', '\u0301', '.', 'a\u0007']) {
      expect((await post(url('/messages'), { userId: 1, groupId: 1, content: text })).status, text).to.equal(200);
    }
  });

  it('is refused in every place when PostgreSQL cannot store the text', async () => {
    const nul = 'a\u0000b';
    const lone = 'a\ud800b';
    for (const text of [nul, lone]) {
      const what = JSON.stringify(text);
      expectRefused(await post(url('/messages'), { userId: 1, groupId: 1, content: text }), 'content', what);
      expectRefused(await post(url('/login'), { username: text }), 'username', what);
      expectRefused(await post(url('/create-chat'), { groupName: text, creatorId: 1 }), 'groupName', what);
      expectRefused(await post(url('/notify/x'), { payload: { deep: [text] } }), 'payload', what);
      expectRefused(await post(url('/notify/x'), { payload: { [text]: 1 } }), 'payload', what);
    }
    expectRefused(await get(url('/users?username=%00')), 'username');
    expectRefused(await post(url('/notify/%00')), 'group');
    expectRefused(await get(url('/subscribe/status?timeout=0&group=%00')), 'group');
    expectRefused(await post(url('/user/1/groups/%00')), 'group');
    const looksLikeIt = { payload: ['\\u0000', '\\ud800', 'a\\', '😀'] };
    expect((await post(url('/notify/x'), looksLikeIt)).status).to.equal(200);
  });

  it('is refused when JSON is nested too deeply', async () => {
    const nested = (depth: number) => `{"payload":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect((await post(url('/notify/x'), nested(50))).status).to.equal(200);
    for (const depth of [100, 200, 60_000])
      expectRefused(await post(url('/notify/x'), nested(depth)), 'body', `${depth}`);
    for (const level of ['{"a":', '[{"a":', '[']) {
      expectRefused(await post(url('/user/1/groups'), `{"groups":${level.repeat(15_000)}`), 'body', level);
    }
    const inText = { payload: '[{"'.repeat(1000), more: ['\\"'.repeat(50), '['.repeat(200)] };
    expect((await post(url('/notify/x'), inText)).status).to.equal(200);
  });
});
