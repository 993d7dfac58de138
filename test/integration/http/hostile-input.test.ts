import { connect } from 'node:net';
import { expect } from 'chai';
import { codeOf, get, type HttpResponse, type JsonObject, post, request } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

/** Far below the ten seconds that the first of these once took, and far above the delays of a busy machine. */
const QUICK_MS = 1000;

/** Runs of characters that take quadratic time, or that are invisible. */
const RUNS: [what: string, text: string][] = [
  ['marks of two classes', `a${'\u0301'.repeat(32_000)}${'\u0327'.repeat(32_000)}`],
  ['marks in alternation', `a${'\u0327\u0301'.repeat(20_000)}`],
  ['Hebrew points', `א${'\u05b0\u05bc\u05b8'.repeat(10_000)}`],
  ['joiners', `ب${'\u200c'.repeat(40_000)}ب`],
  ['joined emoji', '👩\u200d'.repeat(15_000)],
  ['selectors', `❤${'\ufe0f'.repeat(40_000)}`],
  ['ligatures of 18 letters', '\ufdfa'.repeat(40_000)],
  ['spaces', `a${' '.repeat(120_000)}b`],
  ['digits', '1'.repeat(120_000)],
];
/** Every text field, with a function that returns a body for a text. */
const FIELDS: [path: string, field: string, body: (text: string) => JsonObject][] = [
  ['/login', 'username', (username) => ({ username, password: 'x' })],
  ['/login', 'password', (password) => ({ username: 'ana', password })],
  ['/register', 'username', (username) => ({ username, password: 'long enough' })],
  ['/create-chat', 'groupName', (groupName) => ({ groupName, creatorId: 1 })],
  ['/create-chat', 'members.0', (name) => ({ groupName: 'x', creatorId: 1, members: [name] })],
  ['/user/1/groups', 'groups.0', (name) => ({ groups: [name] })],
  ['/messages', 'content', (content) => ({ userId: 1, groupId: 1, content })],
  ['/messages', 'userId', (userId) => ({ userId, groupId: 1, content: 'x' })],
  ['/switchover', 'to', (to) => ({ to })],
];

describe('Hostile input', function () {
  this.timeout(60_000);
  const nodes = useTwoNodes();
  const url = (path: string) => nodes.active.url + path;

  const expectRefusedSoon = (response: HttpResponse<JsonObject>, field: string, what: string) => {
    expect(codeOf(response), what).to.deep.equal([400, 'invalid_request']);
    expect(response.body.error, what).to.match(new RegExp(`^${field}: must`));
    expect(response.ms, what).to.be.below(QUICK_MS);
  };

  it('with a group name that a URL path cannot carry (`.` or `..`) is refused', async () => {
    for (const dots of ['.', '..', ' .. ']) {
      expectRefusedSoon(await post(url('/create-chat'), { groupName: dots, creatorId: 1 }), 'groupName', dots);
      expectRefusedSoon(await post(url('/user/1/groups'), { groups: [dots] }), 'groups.0', dots);
      expectRefusedSoon(await request('PATCH', url('/groups'), { body: { groupId: 1, name: dots } }), 'name', dots);
      expectRefusedSoon(await get(url(`/subscribe/status?timeout=0&group=${encodeURIComponent(dots)}`)), 'group', dots);
    }
    expect((await post(url('/create-chat'), { groupName: '...', creatorId: 1 })).status).to.equal(200);
  });

  describe('of great length', () => {
    for (const [path, field, body] of FIELDS) {
      it(`is refused before it is processed, in ${field} of POST ${path}`, async () => {
        for (const [what, text] of RUNS) {
          // The body itself stays below its own limit, so that the field's limit is tested.
          const sent = Buffer.byteLength(text) > 125_000 ? text.slice(0, 60_000) : text;
          expectRefusedSoon(await post(url(path), body(sent)), field, what);
        }
      });
    }
    it('is refused at once in queries and paths, before it is processed', async () => {
      for (const run of ['\u0301\u0327', '\u200d', 'x']) {
        const text = encodeURIComponent(`a${run.repeat(600)}`);
        expectRefusedSoon(await get(url(`/users?username=${text}`)), 'username', run);
        expectRefusedSoon(await get(url(`/subscribe/status?timeout=0&group=${text}`)), 'group', run);
        expectRefusedSoon(await post(url(`/notify/${text}`), {}), 'group', run);
        expectRefusedSoon(await post(url(`/user/1/groups/${text}`)), 'group', run);
      }
    });
    it('is refused at once in lists, before it is processed', async () => {
      for (const entry of [0, 'x', null, []]) {
        const many = Array.from({ length: 20_000 }, () => entry);
        expectRefusedSoon(await post(url('/user/1/groups'), { groups: many }), 'groups', String(entry));
        const response = await post(url('/create-chat'), { groupName: 'x', creatorId: 1, members: many });
        expectRefusedSoon(response, 'members', String(entry));
        expect(response.body.details).to.have.length(1);
      }
    });
    it('is refused or ignored quickly in headers', async () => {
      // Its first request builds the document.
      await get(url('/docs'));
      for (const headers of [
        { accept: `"${','.repeat(15_000)}` },
        { accept: '*/*,'.repeat(3500) },
        { authorization: `Bearer ${' '.repeat(15_000)}` },
        { 'if-none-match': ','.repeat(15_000) },
      ]) {
        for (const path of ['/', '/docs', '/users']) {
          const { status, ms } = await get(url(path), { headers });
          expect([status, ms < QUICK_MS], `${path} ${Object.keys(headers)}`).to.deep.equal([200, true]);
        }
      }
      const long = { 'idempotency-key': 'k'.repeat(7000), 'last-event-id': `0123456789ab-${'1'.repeat(7000)}` };
      const sent = await post(url('/messages'), { userId: 1, groupId: 1, content: 'x' }, { headers: long });
      expectRefusedSoon(sent, 'Idempotency-Key', 'Idempotency-Key');
      expect(codeOf(await get(url('/events?userId=1'), { headers: long }))).to.deep.equal([400, 'invalid_request']);
    });
  });

  it('that stays just below the limits is served quickly', async () => {
    for (const marks of ['\u0301', '\u0301\u0327', '\u05b0\u05bc', '\u0fb2\u0f71']) {
      for (const length of [63, 255]) {
        const username = `a${marks.repeat(128)}`.slice(0, length + 1);
        const { status, ms } = await post(url('/login'), { username });
        expect(status, `${length}`).to.be.oneOf([200, 400]);
        expect(ms).to.be.below(QUICK_MS);
      }
    }
  });

  it('with thousands of invalid names is refused with a bounded list of problems', async () => {
    const members = Array.from({ length: 1000 }, () => 0);
    const { status, body } = await post(url('/create-chat'), { groupName: 'x', creatorId: 1, members });
    expect([status, (body.details as unknown[]).length]).to.deep.equal([400, 20]);
  });

  describe('that is not UTF-8', () => {
    const raw = async (bytes: Buffer, headers: Record<string, string> = {}) =>
      request('POST', url('/messages'), { body: bytes, headers });
    const around = (...middle: number[]) =>
      Buffer.concat([Buffer.from('{"userId":1,"groupId":1,"content":"'), Buffer.from(middle), Buffer.from('"}')]);

    it('is refused in a body, however it is sent', async () => {
      const bytes: [what: string, bytes: number[]][] = [
        ['a byte alone', [0xff]],
        ['Latin-1', [0x63, 0x61, 0x66, 0xe9]],
        ['an overlong slash', [0xc0, 0xaf]],
        ['an overlong NUL', [0xc0, 0x80]],
        ['half a surrogate pair', [0xed, 0xa0, 0x80]],
        ['a pair in CESU-8', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
        ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
        ['a character cut off', [0xe2, 0x82]],
      ];
      for (const [what, wrong] of bytes) {
        for (const type of ['application/json', 'application/json; charset=UTF-8', 'application/json;a=b']) {
          const response = await raw(around(...wrong), { 'content-type': type });
          expect(codeOf(response), `${what} ${type}`).to.deep.equal([400, 'invalid_json']);
        }
      }
      const { body } = await get<{ messages: { content: string }[] }>(url('/messages?groupId=1'));
      expect(body.messages.filter(({ content }) => content.includes('\ufffd'))).to.deep.equal([]);
    });
    it('is refused as a whole body, and as its character set', async () => {
      const text = '{"userId":1,"groupId":1,"content":"é"}';
      const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le');
      for (const body of [utf16, Buffer.from(text, 'utf16le'), Buffer.from(text, 'latin1')]) {
        expect(codeOf(await raw(body))).to.deep.equal([400, 'invalid_json']);
      }
      for (const charset of ['utf-16', 'utf-16le', 'iso-8859-1', 'windows-1252', 'utf-7', 'utf-32', 'nonsense']) {
        for (const type of [`application/json; charset=${charset}`, `application/json ;charset="${charset}"`]) {
          const response = await raw(utf16, { 'content-type': type });
          expect(codeOf(response), type).to.deep.equal([415, 'unsupported_media_type']);
        }
      }
    });
    it('is accepted with a byte order mark, or with another spelling of UTF-8', async () => {
      const text = Buffer.from('{"userId":1,"groupId":1,"content":"olá"}');
      const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text]);
      for (const type of ['application/json', 'application/json; charset="UTF-8"', 'Application/JSON;charset=utf8']) {
        expect((await raw(text, { 'content-type': type })).status, type).to.equal(200);
        expect((await raw(marked, { 'content-type': type })).status, type).to.equal(200);
      }
    });
    it('is refused in a query and a path, and ignored in unknown parameters', async () => {
      for (const path of [
        '/users?username=%ff',
        '/subscribe/status?timeout=0&group=%c0%af',
        '/users?username=%ed%a0%80',
      ]) {
        expect(codeOf(await get(url(path))), path).to.deep.equal([400, 'invalid_request']);
      }
      expect(codeOf(await post(url('/notify/%ff'), {}))).to.deep.equal([400, 'invalid_request']);
      expect((await get(url('/users?utm=%ff&%ff=1'))).status).to.equal(200);
    });
    it('is refused in a URL without percent-encoding', async () => {
      const { port } = new URL(nodes.active.url);
      for (const path of ['/users?username=caf\xc3\xa9', '/users?username=caf\xe9', '/chats\xc3?userId=1']) {
        const head = await new Promise<string>((resolve, reject) => {
          const socket = connect(Number(port), '127.0.0.1');
          socket.once('error', reject);
          socket.once('data', (piece) => {
            socket.destroy();
            resolve(piece.toString());
          });
          socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`, 'latin1');
        });
        expect(head).to.match(/^HTTP\/1\.1 40[04] /);
      }
    });
  });

  it('that repeats a parameter is refused, also with other encodings of its name', async () => {
    for (const [path, field] of [
      ['/chats?userId=1&userId=2', 'userId'],
      ['/messages?groupId=1&limit=5&limit=5', 'limit'],
      ['/users?username=a&user%6eame=b', 'username'],
      ['/subscribe/status?timeout=0&timeout=0', 'timeout'],
      ['/subscribe/status?timeout=0&group=a&group=a', 'group'],
      ['/subscribe/status?timeout=0&cursor=a&cursor=a', 'cursor'],
    ] as const) {
      const response = await get(url(path));
      expect(codeOf(response), path).to.deep.equal([400, 'invalid_request']);
      expect(response.body.error, path).to.equal(`${field}: must be given only once`);
    }
    expect((await get(url('/chats?userId=1&x=1&x=2'))).status).to.equal(200);
    // A list in a body is not a repetition.
    expect((await get(url('/chats'), { body: { userId: [1, 2] } })).body.error).to.equal(
      'userId: must be a positive integer',
    );
  });

  it('is refused beyond a documented limit, and served at the limit', async () => {
    for (const [path, status] of [
      ['/messages?groupId=1&limit=500', 200],
      ['/messages?groupId=1&limit=501', 400],
      ['/users?limit=100', 200],
      ['/users?limit=101', 400],
      [`/users?username=${'😀'.repeat(64)}`, 200],
      [`/users?username=${'x'.repeat(65)}`, 400],
      ['/subscribe/status?timeout=55.1', 400],
    ] as const) {
      expect((await get(url(encodeURI(path)))).status, path).to.equal(status);
    }
    const send = async (content: string) => (await post(url('/messages'), { userId: 1, groupId: 1, content })).status;
    expect([await send('😀'.repeat(4096)), await send('😀'.repeat(4097))]).to.deep.equal([200, 400]);
  });
});
