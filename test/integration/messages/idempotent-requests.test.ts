import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { Contract } from '../../support/network/contract.ts';
import { del, get, type HttpResponse, type JsonObject, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

describe('An Idempotency-Key on a request that creates or notifies', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10', NOTIFICATIONS_PER_MINUTE: '60' });
  const at = (path: string) => nodes.active.url + path;
  const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
  const groupsOf = async (userId: number) =>
    (await get<{ chats: { name: string }[] }>(at(`/chats?userId=${userId}`))).body.chats.map(({ name }) => name);

  it('creates one group for concurrent and later requests, which all get the same response', async () => {
    const group = { groupName: 'Uma só', creatorId: 1, members: ['bruno_orm', 'ninguém'] };
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => post(at('/create-chat'), group, keyed('create-1'))),
    );
    responses.push(await post(at('/create-chat'), group, keyed('create-1')));
    expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
    expect(responses[0]?.body).to.include({ group_name: 'Uma só', warning: 'no such users: ninguém' });
    expect((await groupsOf(1)).filter((name) => name === 'Uma só')).to.have.length(1);
  });

  it('appends one notification, and returns its cursor again after a switchover', async () => {
    const before = (await get<{ cursor: string }>(at('/chats?userId=1'))).body.cursor;
    const notify = (url: string) => post(`${url}/notify/construção`, { payload: { build: 7 } }, keyed('notify-1'));
    const first = await notify(nodes.active.url);
    expect((await post(at('/switchover'), {})).status).to.equal(200);
    // The node that resigned may know of the promotion before the promoted one does.
    const again = await eventually('the other node accepts writes', async () => {
      const response = await notify(nodes.standby.url);
      return response.status === 200 && response;
    });
    expect(again.text).to.equal(first.text);
    const poll = `/subscribe/status?group=${encodeURIComponent('construção')}&timeout=0&cursor=${before}`;
    const { body } = await get<{ events: JsonObject[] }>(nodes.standby.url + poll);
    expect(body.events).to.have.length(1);
    expect((await post(`${nodes.standby.url}/switchover`, {})).status).to.equal(200);
  });

  it('knows the same request with the keys of its objects in another order', async () => {
    for (const [path, one, other] of [
      ['/messages', { b: 1, a: { d: [{ f: 1, e: 2 }], c: 2 } }, { a: { c: 2, d: [{ e: 2, f: 1 }] }, b: 1 }],
      ['/notify/ordem', { z: 1, a: { y: 1, b: 2 } }, { a: { b: 2, y: 1 }, z: 1 }],
    ] as const) {
      const body = (value: object) =>
        path === '/messages' ? { userId: 1, groupId: 1, content: 'ordem', meta: value } : { payload: value };
      const first = await post(at(path), body(one), keyed('order'));
      const again = await post(at(path), body(other), keyed('order'));
      expect([again.status, again.text], path).to.deep.equal([200, first.text]);
      const changed = await post(at(path), body({ ...one, a: 1 }), keyed('order'));
      expect(changed.body.code, path).to.equal('key_reused');
    }
  });

  it('knows the same request with another spelling of its path, and not one with another parameter', async () => {
    for (const [paths, other, body] of [
      [['/notify/abc', '/notify/abc/', '/Notify/abc', '/notify/%61bc'], '/notify/Abc', { payload: 1 }],
      [['/user/2/groups/Barra', '/user/2/groups/Barra/', '/USER/2/groups/Barra'], '/user/2/groups/barra', {}],
      [
        ['/create-chat', '/Create-Chat/'],
        '/direct',
        { groupName: 'Barra dupla', creatorId: 1, userId: 1, otherUserId: 2 },
      ],
    ] as const) {
      const key = keyed(`spelling-${paths[0].length}`);
      const [first, ...others] = await Promise.all(paths.map((path) => post(at(path), body, key)));
      for (const one of others) expect([one.status, one.text]).to.deep.equal([first?.status, first?.text]);
      expect(first?.status).to.be.oneOf([200, 201]);
      expect((await post(at(other), body, key)).body.code, other).to.equal('key_reused');
    }
  });

  it('keeps a late retry of each request from changing anything', async () => {
    const { body: group } = await post<{ group_id: number }>(at('/create-chat'), { groupName: 'Tarde', creatorId: 1 });
    const groupId = group.group_id;
    const { body: sent } = await post(at('/messages'), { userId: 1, groupId, content: 'x' });
    const { body: invitation } = await post(at('/invitations'), { groupId });
    const reaction = { messageId: sent.message_id, emoji: '👍', userId: 1 };
    const leave = () => del(at(`/group-users?groupId=${groupId}&userId=2`));
    const cases: [path: string, body: object, undo: () => Promise<HttpResponse<JsonObject>>][] = [
      ['/group-users', { groupId, userId: 2 }, leave],
      ['/invitations/accept', { token: invitation.token, userId: 2 }, leave],
      ['/reactions', reaction, () => del(at(`/reactions?messageId=${sent.message_id}&emoji=👍&userId=1`))],
      ['/user/2/groups/Tarde', {}, leave],
      ['/user/2/groups', { groups: ['Tarde'] }, leave],
    ];
    for (const [path, body, undo] of cases) {
      const before = await post(at(path), body, keyed(`late ${path}`.replaceAll(' ', '-')));
      expect(before.status, path).to.equal(200);
      expect((await undo()).status, path).to.equal(200);
      const state = async () => [
        (await get(at(`/group-users?groupId=${groupId}`))).text,
        (await get(at(`/messages?groupId=${groupId}`))).body.messages,
      ];
      const after = await state();
      const again = await post(at(path), body, keyed(`late ${path}`.replaceAll(' ', '-')));
      expect(again.status, path).to.equal(200);
      expect(await state(), path).to.deep.equal(after);
    }
  });

  it('returns the token of an invitation again, which is stored nowhere', async () => {
    const invite = () => post<{ token: string }>(at('/invitations'), { groupId: 1, uses: 7 }, keyed('invite-1'));
    const [first, second] = await Promise.all([invite(), invite()]);
    expect([first.status, second.text, (await invite()).text]).to.deep.equal([201, first.text, first.text]);
    const other = await post<{ token: string }>(at('/invitations'), { groupId: 1, uses: 7 }, keyed('invite-2'));
    expect(other.body.token)
      .to.match(/^[\w-]{43}$/)
      .and.not.equal(first.body.token);
    const { rows } = await nodes.sql.query('SELECT count(*)::int AS n FROM plantao.invitations WHERE uses_left = 7');
    expect(rows[0].n).to.equal(2);
    const { rows: keys } = await nodes.sql.query('SELECT row_to_json(k)::text AS row FROM plantao.request_keys k');
    const stored = keys.map(({ row }) => row).join('\n');
    for (const secret of [first.body.token, 'invite-1']) expect(stored).not.to.include(secret);
  });

  it('lets a repeated registration enter the account with its password only', async () => {
    const credentials = { username: 'nova', password: 'correct horse' };
    const register = (body: object) => post<JsonObject>(at('/register'), body, keyed('register-1'));
    const [first, second] = [await register(credentials), await register(credentials)];
    expect([first.status, second.status, second.body.user_id]).to.deep.equal([201, 201, first.body.user_id]);
    expect(second.body.token).not.to.equal(first.body.token);
    const wrong = await register({ ...credentials, password: 'battery staple' });
    expect([wrong.status, wrong.body.code]).to.deep.equal([401, 'unauthenticated']);
    const reused = await register({ ...credentials, username: 'outra' });
    expect([reused.status, reused.body.code]).to.deep.equal([409, 'key_reused']);
    expect((await post(at('/register'), credentials)).body.code).to.equal('username_taken');
  });

  it('returns the stored response although the limit is reached, and does not count a repeated request', async () => {
    const notify = (key: string) => post(at('/notify/limite'), { payload: key }, keyed(key));
    const first = await notify('limit-1');
    for (let times = 0; times < 20; times++) expect((await notify('limit-1')).text).to.equal(first.text);
    const others = await Promise.all(Array.from({ length: 11 }, (_, n) => notify(`limit-other-${n}`)));
    expect(others.map(({ status }) => status))
      .to.include(429)
      .and.to.include(200);
    expect((await notify('limit-1')).text).to.equal(first.text);
    const reused = await post(at('/notify/limite'), { payload: 'other' }, keyed('limit-1'));
    expect([reused.status, reused.body.code]).to.deep.equal([409, 'key_reused']);
  });

  it('is documented for every POST whose description does not say what repeating it does', async () => {
    const { operations } = await Contract.of(nodes.active.url);
    for (const [method, path, operation] of operations) {
      if (method !== 'POST') continue;
      const takesKey = operation.parameters.some(({ name }) => name === 'Idempotency-Key');
      const { description } = operation as unknown as { description: string };
      expect(takesKey || /repeat(ing)? it/i.test(description), `POST ${path}`).to.equal(true);
    }
  });

  it('is refused for a different request of the same user, and separate for each user', async () => {
    const group = { groupName: 'Minha', creatorId: 1 };
    await post(at('/create-chat'), group, keyed('own'));
    for (const [path, body] of [
      ['/create-chat', { ...group, groupName: 'Outra' }],
      ['/create-chat', { ...group, members: ['bruno_orm'] }],
    ] as const) {
      const refused = await post(at(path), body, keyed('own'));
      expect([refused.status, refused.body.code], JSON.stringify(body)).to.deep.equal([409, 'key_reused']);
    }
    const other = await post<{ creator_id: number }>(at('/create-chat'), { ...group, creatorId: 2 }, keyed('own'));
    expect([other.status, other.body.creator_id]).to.deep.equal([200, 2]);
    const message = await post(at('/messages'), { userId: 1, groupId: 1, content: 'x' }, keyed('own'));
    expect(message.status, 'messages have keys of their own').to.equal(200);
  });

  it('stays unused by a request that failed, and must be valid', async () => {
    const failed = await post(at('/create-chat'), { groupName: 'X', creatorId: 999_999 }, keyed('failed'));
    expect(failed.status).to.equal(404);
    for (const path of ['/create-chat', '/notify/x']) {
      for (const key of ['', 'a'.repeat(256), 'with space', 'ã']) {
        const { status, body } = await post(at(path), { groupName: 'X', creatorId: 1 }, keyed(key));
        expect([status, body.code], `${path} ${key}`).to.deep.equal([400, 'invalid_request']);
      }
    }
    const { rows } = await nodes.sql.query(
      "SELECT FROM plantao.request_keys WHERE key = encode(sha256('failed'), 'hex') OR result IS NULL",
    );
    expect(rows).to.have.length(0);
    await nodes.sql.query("UPDATE plantao.request_keys SET used_at = clock_timestamp() - interval '2 hours'");
    const removed = await nodes.sql.query(
      `SELECT plantao.remove_old_keys((SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL), '1 hour', 100) AS n`,
    );
    expect(removed.rows[0].n).to.be.above(2);
  });
});
