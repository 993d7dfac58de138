import { expect } from 'chai';
import { ChatClient } from '../../../src/client/index.ts';
import {
  bearer,
  codeOf,
  get,
  type HttpCallOptions,
  type HttpResponse,
  type JsonObject,
  request,
} from '../../support/network/http.ts';
import type { Person } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

interface Created {
  group_id: number;
  hook: { id: number; name: string; sender: string };
  token: string;
}

describe('A hook', function () {
  this.timeout(60_000);
  const { node, sql, people } = useOneNode({ AUTH: 'token', HOOK_POSTS_PER_MINUTE: '60' });
  let owner: Person;
  let member: Person;
  let groupId: number;

  before(async () => {
    [owner, member] = [await people.newUser(), await people.newUser()];
    groupId = await people.group('Obras', [owner, member]);
  });
  after(async () => {
    const log = JSON.stringify(node.entries);
    for (const token of tokens) expect(log).not.to.include(token);
  });

  const tokens: string[] = [];
  const as = <Body = JsonObject>(person: Person, method: string, path: string, body?: object, headers = {}) =>
    request<Body>(method, node.url + path, {
      headers: { authorization: `Bearer ${person.token}`, ...headers },
      ...(body && { body }),
    });
  const create = async (of = groupId, by = owner, name = 'Backup') => {
    const { status, body } = await as<Created>(by, 'POST', '/hooks', { groupId: of, name });
    expect(status).to.equal(201);
    tokens.push(body.token);
    return body;
  };
  const post = (token: string, content: unknown, headers: Record<string, string> = {}) =>
    request('POST', `${node.url}/hooks/${token}`, { body: { content }, headers });
  const history = async (id = groupId) =>
    (await as<{ messages: JsonObject[] }>(owner, 'GET', `/messages?groupId=${id}`)).body.messages;

  it('posts to its group under a name that no user can have, in history, in events and in searches', async () => {
    const { hook, token } = await create();
    expect(hook).to.deep.include({ name: 'Backup', sender: `🪝 Backup #${hook.id}`, created_by: owner.id });
    const { body: state } = await as(member, 'GET', '/sync');
    const sent = await post(token, 'Terminou');
    expect([sent.status, sent.body.durable]).to.deep.equal([200, 'local']);
    const message = {
      id: sent.body.message_id,
      sender: hook.sender,
      sender_id: hook.id,
      hook: true,
      content: 'Terminou',
      timestamp: sent.body.timestamp,
    };
    expect((await history()).at(-1)).to.deep.equal(message);
    const poll = `/subscribe/user?user_id=${member.id}&cursor=${state.cursor}&timeout=5`;
    const { body: heard } = await as<{ events: JsonObject[] }>(member, 'GET', poll);
    expect(heard.events.map(({ kind, message }) => ({ kind, message }))).to.deep.equal([{ kind: 'message', message }]);
    const { body: found } = await as<{ messages: JsonObject[] }>(member, 'GET', '/search?q=terminou');
    expect(found.messages[0]).to.deep.include(message);
    const { body: chats } = await as<{ chats: { unread: number }[] }>(member, 'GET', '/chats');
    expect(chats.chats[0]?.unread).to.equal(1);
    for (const username of [hook.sender, '🪝 Outro', 'a🪝']) {
      const refused = await request('POST', `${node.url}/register`, { body: { username, password: 'correct horse' } });
      expect(codeOf(refused), username).to.deep.equal([400, 'invalid_request']);
    }
    const insert = sql.query("INSERT INTO plantao.users (username) VALUES ('🪝 psql')");
    expect((await insert.catch((error) => error)).constraint).to.equal('users_hook_name');
  });

  it('accepts plain text, and what curl -d sends', async () => {
    const { token } = await create();
    const send = async (body: string | Buffer, type: string) => {
      const call: HttpCallOptions = { body, headers: { 'content-type': type } };
      const { status } = await request('POST', `${node.url}/hooks/${token}`, call);
      return status === 200 ? (await history()).at(-1)?.content : status;
    };
    const form = 'application/x-www-form-urlencoded';
    expect(await send('100 % de água & açúcar = ok\n', 'text/plain')).to.equal('100 % de água & açúcar = ok');
    expect(await send('linha um\nlinha dois\n\n', 'text/plain; charset=UTF-8')).to.equal('linha um\nlinha dois');
    expect(await send('Backup finished: 12 GB+3', form)).to.equal('Backup finished: 12 GB+3');
    expect(await send('content=Ol%C3%A1+a+todos', form)).to.equal('Olá a todos');
    expect(await send('{"content":"x"}', 'text/plain')).to.equal('{"content":"x"}');
    // Bytes have no type of their own: fetch sends none, as do several clients for text.
    const untyped = await fetch(`${node.url}/hooks/${token}`, { method: 'POST', body: Buffer.from('sem tipo\n') });
    expect([untyped.status, (await history()).at(-1)?.content]).to.deep.equal([200, 'sem tipo']);
    for (const nothing of ['', ' \n']) expect(await send(nothing, 'text/plain')).to.equal(400);
    const latin1: HttpCallOptions = { body: Buffer.from([0x61, 0xff]), headers: { 'content-type': 'text/plain' } };
    const refused = await request('POST', `${node.url}/hooks/${token}`, latin1);
    expect([refused.status, refused.body.details]).to.deep.equal([
      400,
      [{ field: 'content', problem: 'must be valid UTF-8' }],
    ]);
    expect(await send('a\0b', 'text/plain')).to.equal(400);
    expect(await send('x'.repeat(4097), 'text/plain')).to.equal(400);
    expect(await send('x'.repeat(200_000), 'text/plain')).to.equal(413);
    for (const type of ['text/html', 'text/plain; charset=utf-16', 'multipart/form-data', 'application/xml']) {
      expect(await send('x', type), type).to.equal(415);
    }
  });

  it('is managed by owners and admins of its group only, and posts nowhere else', async () => {
    const stranger = await people.newUser();
    const { hook, token } = await create();
    const name = { groupId, name: 'x' };
    expect(codeOf(await as(member, 'POST', '/hooks', name))).to.deep.equal([403, 'forbidden']);
    expect(codeOf(await as(stranger, 'POST', '/hooks', name))).to.deep.equal([403, 'not_a_member']);
    expect(codeOf(await as(member, 'GET', `/hooks?groupId=${groupId}`))).to.deep.equal([403, 'forbidden']);
    expect(codeOf(await as(stranger, 'GET', `/hooks?groupId=${groupId}`))).to.deep.equal([403, 'not_a_member']);
    for (const person of [member, stranger]) {
      expect(codeOf(await as(person, 'DELETE', `/hooks?hookId=${hook.id}`))).to.deep.equal([404, 'hook_not_found']);
    }
    const { body: listed } = await as<{ hooks: JsonObject[] }>(owner, 'GET', `/hooks?groupId=${groupId}`);
    expect(listed.hooks.map(({ id }) => id)).to.include(hook.id);
    expect(JSON.stringify(listed)).not.to.include(token);
    const call = bearer(token);
    expect((await request('GET', `${node.url}/sync`, call)).status).to.equal(401);
    const direct = await as(owner, 'POST', '/direct', { otherUserId: hook.id });
    expect(codeOf(direct)).to.deep.equal([404, 'user_not_found']);
    const join = await as(owner, 'POST', '/group-users', { groupId, userId: hook.id });
    expect(codeOf(join)).to.deep.equal([404, 'user_not_found']);
    expect((await as<{ users: unknown[] }>(owner, 'GET', '/users?username=Backup')).body.users).to.deep.equal([]);
    const { body: chat } = await as<{ group_id: number }>(owner, 'POST', '/direct', { otherUserId: member.id });
    expect(codeOf(await as(owner, 'POST', '/hooks', { groupId: chat.group_id, name: 'x' }))[1]).to.equal('direct_chat');
  });

  it('gives the same response to every wrong token, and says when it was revoked or its group or creator is gone', async () => {
    const { hook, token } = await create();
    const wrong = ['x', 'x'.repeat(43), `${token}x`, token.slice(1), '%00', '%F0%9F%AA%9D', 'a%2Fb', 'y'.repeat(5000)];
    const responses = await Promise.all(wrong.map((one) => post(one, 'x')));
    expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
    expect(codeOf(responses[0] as HttpResponse<JsonObject>)).to.deep.equal([404, 'hook_not_found']);

    expect((await as(owner, 'DELETE', `/hooks?hookId=${hook.id}`)).status).to.equal(200);
    expect(codeOf(await post(token, 'x'))).to.deep.equal([410, 'hook_revoked']);
    expect(codeOf(await as(owner, 'DELETE', `/hooks?hookId=${hook.id}`))).to.deep.equal([404, 'hook_not_found']);

    const other = await people.group('Acaba', [owner]);
    const { token: ofOther } = await create(other);
    await as(owner, 'PATCH', '/groups', { groupId: other, archived: true });
    expect(codeOf(await post(ofOther, 'x'))).to.deep.equal([409, 'group_archived']);
    expect((await as(owner, 'DELETE', `/groups?groupId=${other}`)).status).to.equal(200);
    expect(codeOf(await post(ofOther, 'x'))).to.deep.equal([410, 'hook_revoked']);

    for (const messages of ['keep', 'erase']) {
      const creator = await people.newUser();
      const [mine, theirs] = [await create(), await create(await people.group('Fica', [creator, owner]), creator)];
      await post(theirs.token, 'antes');
      expect((await as(creator, 'POST', '/delete-account', { messages })).status).to.equal(200);
      expect(codeOf(await post(theirs.token, 'x')), messages).to.deep.equal([410, 'hook_revoked']);
      expect((await history(theirs.group_id)).map(({ content }) => content)).to.deep.equal(['antes']);
      expect((await post(mine.token, 'x')).status).to.equal(200);
    }
  });

  it('posts a repeated message once, also after its limit is reached', async () => {
    const { token } = await create();
    const keyed = (key: string) => ({ 'idempotency-key': key });
    const [first, second] = await Promise.all([post(token, 'um', keyed('k')), post(token, 'um', keyed('k'))]);
    expect(second.text).to.equal(first.text);
    const flood = await Promise.all(Array.from({ length: 14 }, () => post(token, 'dois')));
    const refused = flood.find(({ status }) => status === 429);
    expect([refused?.body.code, Number(refused?.headers['retry-after']) > 0]).to.deep.equal([
      'too_many_requests',
      true,
    ]);
    expect(flood.filter(({ status }) => status === 200).length).to.be.within(8, 10);
    expect((await post(token, 'um', keyed('k'))).text).to.equal(first.text);
    expect(codeOf(await post(token, 'outro', keyed('k')))).to.deep.equal([409, 'key_reused']);
    const { token: another } = await create();
    expect((await post(another, 'um', keyed('k'))).status).to.equal(200);
    expect((await history()).filter(({ content }) => content === 'um')).to.have.length(2);
  });

  it('is created once for each key, with a token that the database does not know', async () => {
    const make = () => as<Created>(owner, 'POST', '/hooks', { groupId, name: 'Uma' }, { 'idempotency-key': 'hook-1' });
    const [first, second] = await Promise.all([make(), make()]);
    expect(second.text).to.equal(first.text);
    tokens.push(first.body.token);
    const { rows } = await sql.query(
      'SELECT row_to_json(h)::text || row_to_json(k)::text AS row FROM plantao.hooks h, plantao.request_keys k',
    );
    for (const { row } of rows) expect(row).not.to.include(first.body.token);
  });

  it('can be created, listed and revoked by SQL, but only by a role that has the privilege', async () => {
    const { rows } = await sql.query("SELECT * FROM plantao.create_hook($1, 'Cron')", [groupId]);
    const { hook_id: id, token } = rows[0];
    tokens.push(token);
    expect((await post(token, 'do psql')).status).to.equal(200);
    expect((await history()).at(-1)).to.include({ sender: `🪝 Cron #${id}`, content: 'do psql', hook: true });
    await sql.query("SELECT * FROM plantao.post_message($1, $2, 'direto')", [groupId, id]);
    expect((await history()).at(-1)).to.include({ content: 'direto', hook: true });
    expect((await sql.query('SELECT plantao.revoke_hook($1) AS ended', [id])).rows[0].ended).to.equal(true);
    expect(codeOf(await post(token, 'x'))).to.deep.equal([410, 'hook_revoked']);
    const gone = await sql.query("SELECT plantao.create_hook(9007199254740990, 'x')").catch((error) => error);
    expect(gone.constraint).to.equal('hooks_group_id_fkey');
    const hook = await create();
    await sql.query('DELETE FROM plantao.groups WHERE id = $1', [await people.group('Some', [owner])]);
    await sql.query('UPDATE plantao.users SET is_hook = is_hook WHERE id = $1', [hook.hook.id]);
    expect((await post(hook.token, 'x')).status).to.equal(200);
  });

  it('is bounded: a group has at most a hundred, and a revoked one stops counting after a day', async () => {
    const crowded = await people.group('Cheio', [owner]);
    await sql.query("SELECT plantao.create_hook($1, 'n' || n) FROM generate_series(1, 100) n", [crowded]);
    const refused = await as(owner, 'POST', '/hooks', { groupId: crowded, name: 'x' });
    expect(codeOf(refused)).to.deep.equal([409, 'too_many_hooks']);
    await sql.query('SELECT plantao.revoke_hook(user_id) FROM plantao.hooks WHERE group_id = $1 LIMIT 1', [crowded]);
    expect((await as(owner, 'POST', '/hooks', { groupId: crowded, name: 'x' })).status).to.equal(409);
    await sql.query("UPDATE plantao.hooks SET revoked_at = revoked_at - interval '2 days' WHERE group_id = $1", [
      crowded,
    ]);
    expect((await as(owner, 'POST', '/hooks', { groupId: crowded, name: 'x' })).status).to.equal(201);
    for (const name of ['', ' ', 'x'.repeat(41), 'a\u202eb', 7]) {
      expect((await as(owner, 'POST', '/hooks', { groupId, name })).status, String(name)).to.equal(400);
    }
  });

  it('can be used through the client library', async () => {
    const client = new ChatClient({ urls: [node.url], userId: owner.id, token: owner.token });
    const { hook, token } = await client.groups.createHook(groupId, 'Cliente');
    tokens.push(token);
    const { message_id: id } = await new ChatClient({ urls: [node.url] }).groups.postToHook(token, 'pelo cliente');
    expect((await history()).at(-1)).to.include({ id, sender_id: hook.id });
    expect((await client.groups.hooks(groupId)).map(({ id }) => id)).to.include(hook.id);
    await client.groups.revokeHook(hook.id);
    expect((await client.groups.hooks(groupId)).map(({ id }) => id)).not.to.include(hook.id);
  });
});

describe('The sender of a hook, with AUTH=open', () => {
  const nodes = useTwoNodes();

  it('is not an account: its id cannot be read, renamed or used', async () => {
    const url = nodes.active.url;
    const body = { groupId: 1, userId: 1, name: 'Backup' };
    const { body: created } = await request<Created>('POST', `${url}/hooks`, { body });
    const { id, sender } = created.hook;
    const uses: [method: string, path: string, body?: object][] = [
      ['GET', `/me?userId=${id}`],
      ['GET', `/sync?userId=${id}`],
      ['GET', `/chats?userId=${id}`],
      ['GET', `/user/${id}/groups`],
      ['GET', `/search?userId=${id}&q=x`],
      ['PATCH', '/me', { userId: id, username: 'someone' }],
      ['POST', '/create-chat', { groupName: 'Own', members: [], userId: id }],
      ['POST', '/direct', { userId: 1, otherUserId: id }],
      ['POST', `/user/${id}/groups/Own`],
      ['POST', '/messages', { userId: id, groupId: 1, content: 'x' }],
    ];
    for (const [method, path, sent] of uses) {
      const { status, text } = await request(method, url + path, sent && { body: sent });
      expect(status, `${method} ${path}: ${text}`).to.be.oneOf([400, 404]);
    }
    const { body: posted } = await request('POST', `${url}/hooks/${created.token}`, {
      body: { content: 'still here' },
    });
    const { body: page } = await get<{ messages: JsonObject[] }>(`${url}/messages?groupId=1`);
    expect(page.messages.find((one) => one.id === posted.message_id)).to.include({ sender });
  });
});
