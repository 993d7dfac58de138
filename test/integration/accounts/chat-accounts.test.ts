import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { bearer, codeOf, type JsonObject, post, request } from '../../support/network/http.ts';
import { People } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';

const PASSWORD = 'correct horse';

describe('Accounts', function () {
  this.timeout(60_000);
  const { node, sql } = useOneNode({ AUTH: 'token' });

  const call = (method: string, path: string, token: unknown, body?: JsonObject) =>
    request(method, node.url + path, { ...bearer(token), ...(body && { body }) });
  const register = async () => {
    const username = People.name('conta');
    const { body } = await post(`${node.url}/register`, { username, password: PASSWORD });
    return { username, id: body.user_id as number, token: body.token as string };
  };
  const logIn = (username: string, password = PASSWORD) => post(`${node.url}/login`, { username, password });
  const untilRevoked = (token: unknown) =>
    eventually('the token is rejected', async () => (await call('GET', '/me', token)).status === 401);

  it('show themselves to their owner', async () => {
    const { id, username, token } = await register();
    const { body } = await call('GET', '/me', token);
    expect(body).to.deep.include({ id, username, has_password: true });
    expect(body).to.have.all.keys('id', 'username', 'created_at', 'has_password');
  });

  it('notify the members of their groups and their own devices of a new name', async () => {
    const [ana, bruno, alone] = [await register(), await register(), await register()];
    const groups: number[] = [];
    for (const groupName of ['Um', 'Dois']) {
      const body = { groupName, creatorId: ana.id, members: [bruno.username] };
      groups.push((await call('POST', '/create-chat', ana.token, body)).body.group_id as number);
    }
    const cursorOf = async (token: string) => (await call('GET', '/sync', token)).body.cursor;
    const renamesSince = async ({ id, token }: typeof ana, cursor: unknown) => {
      const { body } = await call('GET', `/subscribe/user?user_id=${id}&cursor=${cursor}&timeout=5`, token);
      return (body.events as JsonObject[]).map(({ cursor: _, at: __, ...event }) => event);
    };
    const [cursor, own] = [await cursorOf(bruno.token), await cursorOf(alone.token)];
    const username = People.name('nova');
    expect((await call('PATCH', '/me', ana.token, { username })).status).to.equal(200);
    const renamed = groups.map((group_id) => ({ kind: 'user_renamed', group_id, user_id: ana.id, username }));
    expect(await renamesSince(bruno, cursor)).to.deep.equal(renamed);
    expect(await renamesSince(ana, cursor)).to.deep.equal(renamed);
    // By SQL, without a group, and together with a change that is not one.
    await sql.query(
      "UPDATE plantao.users SET username = CASE id WHEN $1 THEN 'sozinha' ELSE username END WHERE id IN ($1, $2)",
      [alone.id, bruno.id],
    );
    const event = { kind: 'user_renamed', group_id: null, user_id: alone.id, username: 'sozinha' };
    expect(await renamesSince(alone, own)).to.deep.equal([event]);
  });

  it('require the old password for a new one, which ends all other sessions', async () => {
    const { username, token } = await register();
    const other = (await logIn(username)).body.token;
    const change = (oldPassword: string, password: string) =>
      call('POST', '/password', token, { oldPassword, password });
    expect(codeOf(await change('wrong one', 'battery staple'))).to.deep.equal([401, 'unauthenticated']);
    expect((await change(PASSWORD, 'short')).status).to.equal(400);
    const changed = await change(PASSWORD, 'battery staple');
    expect(changed.status).to.equal(200);
    expect((await call('GET', '/me', changed.body.token)).status).to.equal(200);
    for (const old of [token, other]) await untilRevoked(old);
    expect((await logIn(username)).status).to.equal(401);
    expect((await logIn(username, 'battery staple')).status).to.equal(200);
  });

  it('list their sessions and end one of them', async () => {
    const { username, token } = await register();
    const other = (await logIn(username)).body.token;
    const list = async () => (await call('GET', '/sessions', token)).body.sessions as JsonObject[];
    const sessions = await list();
    expect(sessions.map(({ current }) => current)).to.deep.equal([false, true]);
    const stranger = await register();
    const end = (by: string, sessionId: unknown) => call('DELETE', '/sessions', by, { sessionId: sessionId as string });
    expect(codeOf(await end(stranger.token, sessions[0]?.id))).to.deep.equal([404, 'session_not_found']);
    expect((await end(token, sessions[0]?.id)).status).to.equal(200);
    await untilRevoked(other);
    expect(await list()).to.have.length(1);
  });

  it('are told by their sessions which device signed in', async () => {
    const { username, token } = await register();
    const agents = [
      'Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0',
      'curl/8.11.0',
      '',
      // As the wire carries a bidi override, and the longest header that a node accepts.
      Buffer.from('\u202eFirefox/1 (Linux)\u202c').toString('latin1'),
      'x'.repeat(8000),
    ];
    for (const agent of agents) {
      const headers = { 'user-agent': agent };
      const { status } = await post(`${node.url}/login`, { username, password: PASSWORD }, { headers });
      expect(status).to.equal(200);
    }
    const { body } = await call('GET', '/sessions', token);
    const devices = (body.sessions as JsonObject[]).map(({ device }) => device);
    expect(devices.reverse()).to.deep.equal([null, 'Firefox on Linux', null, null, 'Firefox on Linux', null]);
  });

  it('are renamed, unless the name is taken in any way of writing it', async () => {
    const [one, other] = [await register(), await register()];
    const rename = (username: string) => call('PATCH', '/me', one.token, { username });
    expect((await rename(`${one.username} novo`)).body.username).to.equal(`${one.username} novo`);
    expect(codeOf(await rename(other.username.toUpperCase()))).to.deep.equal([409, 'username_taken']);
    expect((await rename(' ')).status).to.equal(400);
    expect((await logIn(`${one.username} novo`)).status).to.equal(200);
  });

  const withMessage = async () => {
    const user = await register();
    const reader = await register();
    const { body: group } = await call('POST', '/create-chat', user.token, {
      groupName: 'Grupo',
      creatorId: user.id,
      members: [reader.username],
    });
    const groupId = group.group_id as number;
    const { body } = await call('POST', '/messages', user.token, { groupId, content: 'olá' });
    await call('POST', '/reactions', user.token, { messageId: body.message_id as number, emoji: '👍' });
    const messages = async () =>
      (await call('GET', `/messages?groupId=${groupId}`, reader.token)).body.messages as JsonObject[];
    return { ...user, reader, groupId, messages };
  };

  it('are deleted with their password; their messages stay under another name', async () => {
    const { id, username, token, groupId, messages, reader } = await withMessage();
    const remove = (body: JsonObject) => call('POST', '/delete-account', token, body);
    expect(codeOf(await remove({}))).to.deep.equal([401, 'unauthenticated']);
    expect(codeOf(await remove({ password: 'wrong one' }))).to.deep.equal([401, 'unauthenticated']);
    expect((await remove({ password: PASSWORD })).status).to.equal(200);
    await untilRevoked(token);
    expect((await logIn(username)).status).to.equal(401);
    const [message] = await messages();
    expect(message?.sender).to.match(new RegExp(`^deleted-${id}-`));
    expect(message).to.deep.include({ sender_id: id, content: 'olá' }).and.not.to.have.property('reactions');
    const { body } = await call('GET', `/group-users?groupId=${groupId}`, reader.token);
    expect(body.users, 'the other member owns the group now').to.deep.equal([
      { id: reader.id, username: reader.username, role: 'owner' },
    ]);
    expect((await logIn(message?.sender as string)).status).to.equal(401);
  });

  it('are erased with their messages', async () => {
    const { id, token, messages } = await withMessage();
    const erased = await call('POST', '/delete-account', token, { password: PASSWORD, messages: 'erase' });
    expect(erased.status).to.equal(200);
    expect(await messages()).to.deep.equal([]);
    const { rows } = await sql.query('SELECT username, erasing FROM plantao.users WHERE id = $1', [id]);
    expect(rows).to.deep.equal([{ username: rows[0].username, erasing: null }]);
    expect(rows[0].username).to.match(new RegExp(`^deleted-${id}-`));
  });

  it('are erased by the DBA in steps', async () => {
    const { id, groupId, messages } = await withMessage();
    const more = `INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, 'x' FROM generate_series(1, 30)`;
    await sql.query(more, [groupId, id]);
    const step = async () =>
      (await sql.query("SELECT plantao.erase_user($1, 'erase', 20) AS removed", [id])).rows[0].removed;
    // 31 messages, the reaction to one of them, the departure, and the group as its creator.
    const removed = [await step(), await step(), await step()];
    expect(removed).to.deep.equal([20, 14, 0]);
    expect(await messages()).to.deep.equal([]);
    const wrong = sql.query("SELECT plantao.erase_user($1, 'everything')", [id]);
    expect(await wrong.catch(({ code }) => code)).to.equal('22023');
  });
});
