import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { bearer, del, get, type HttpResponse, type JsonObject, post } from '../../support/network/http.ts';
import { figureOf, waitersOf } from '../../support/network/metrics.ts';
import { asUser, People, type Person } from '../../support/network/people.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type NodeProcess, startNode } from '../../support/nodes/node-process.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

const ADMIN_TOKEN = 'the-administrators-own-token';

describe('With AUTH=token, a user who is not a member', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let node: NodeProcess;
  let people: People;
  let member: Person;
  let stranger: Person;
  let groupId: number;
  let groupName: string;

  before(async () => {
    people = new People(sql);
    const env = { AUTH: 'token', ADMIN_TOKEN, LOG_LEVEL: 'trace', SIGN_IN_TRIES: '2' };
    node = await startNode({ databaseUrl: database.url, env });
    await untilActive(node);
  });
  beforeEach(async () => {
    [member, stranger] = [await people.newUser(), await people.newUser()];
    groupName = People.name('Projeto Secreto');
    groupId = await people.group(groupName, [member]);
    // A poll without a cursor starts at its node's position, which without this wait could be before the join.
    const { rows } = await sql.query('SELECT head FROM plantao.log_bounds');
    await eventually(
      'the node has read that',
      async () => (await figureOf(node.url, 'plantao_log_position')) >= Number(rows[0].head),
    );
  });
  after(async () => {
    await node.stop();
  });

  const named = () => encodeURIComponent(groupName);
  const poll = (who: Person, query: string) =>
    get<{ events: JsonObject[] }>(`${node.url}/subscribe/${query}&timeout=20`, { ...asUser(who), deadline: 30_000 });
  const untilWaiting = async (count: number) =>
    eventually(`${count} wait`, async () => (await waitersOf(node.url)) === count, { within: 10_000 });

  it('receives no notification to the group by its name; a member receives it once, with the group', async () => {
    const polls = [poll(member, `status?group=${named()}`), poll(member, `user?user_id=${member.id}`)];
    const strangers = poll(stranger, `status?group=${named()}`);
    await untilWaiting(3);
    const sent = await post(`${node.url}/notify/${named()}`, { payload: 'at noon' }, asUser(member));
    expect(sent.status).to.equal(200);
    for (const { body } of await Promise.all(polls)) {
      expect(body.events.map(({ kind, group, group_id, payload }) => [kind, group, group_id, payload])).to.deep.equal([
        ['notification', groupName, groupId, 'at noon'],
      ]);
    }
    // The stranger waits all the time, and the first event it receives is a later one.
    await post(`${node.url}/notify/${named()}`, { payload: 'later' }, asUser(stranger));
    expect((await strangers).body.events.map(({ payload }) => payload)).to.deep.equal(['later']);
  });

  it('notifies a name as a topic, without a group', async () => {
    const polls = [poll(member, `status?group=${named()}`), poll(stranger, `status?group=${named()}`)];
    const membersGroups = poll(member, `user?user_id=${member.id}`);
    await untilWaiting(3);
    const sent = await post(`${node.url}/notify/${named()}`, { payload: 1 }, asUser(stranger));
    expect(sent.body.message).to.equal(`notification sent to group ${groupName}`);
    for (const { body } of await Promise.all(polls)) {
      expect(body.events.map(({ group, group_id, payload }) => [group, group_id, payload])).to.deep.equal([
        [groupName, null, 1],
      ]);
    }
    await post(`${node.url}/messages`, { userId: member.id, groupId, content: 'later' }, asUser(member));
    expect((await membersGroups).body.events.map(({ kind }) => kind)).to.deep.equal(['message']);
  });

  it("receives the administrator's notification to a name, without the group that also receives it", async () => {
    const polls = [poll(member, `user?user_id=${member.id}`), poll(stranger, `status?group=${named()}`)];
    await untilWaiting(2);
    await post(`${node.url}/notify/${named()}`, { payload: 'at three' }, bearer(ADMIN_TOKEN));
    for (const { body } of await Promise.all(polls)) {
      expect(body.events.map(({ group, group_id, payload }) => [group, group_id, payload])).to.deep.equal([
        [groupName, null, 'at three'],
      ]);
    }
  });

  it('gets the same response for an existing and an unknown group', async () => {
    const absent = 2 ** 50;
    const asks: ((id: number) => Promise<HttpResponse<JsonObject>>)[] = [
      (id) => get(`${node.url}/messages?groupId=${id}`, asUser(stranger)),
      (id) => get(`${node.url}/group-users?groupId=${id}`, asUser(stranger)),
      (id) => get(`${node.url}/subscribe/status?groupId=${id}&timeout=0`, asUser(stranger)),
      (id) => post(`${node.url}/messages`, { userId: stranger.id, groupId: id, content: 'x' }, asUser(stranger)),
      (id) => post(`${node.url}/group-users`, { groupId: id, userId: stranger.id }, asUser(stranger)),
      (id) => del(`${node.url}/group-users`, { groupId: id, userId: stranger.id }, asUser(stranger)),
    ];
    for (const ask of asks) {
      const [there, notThere] = [await ask(groupId), await ask(absent)];
      const withoutId = ({ status, text }: HttpResponse<JsonObject>) => [
        status,
        // The longer one first: it may contain the shorter one's digits.
        text.replaceAll(String(absent), 'N').replaceAll(String(groupId), 'N'),
      ];
      expect(withoutId(there)).to.deep.equal(withoutId(notThere));
      const { date: _, 'x-request-id': _id, 'content-length': length, ...headers } = there.headers;
      const { date: __, 'x-request-id': __id, 'content-length': otherLength, ...otherHeaders } = notThere.headers;
      expect(headers).to.deep.equal(otherHeaders);
      expect(Number(otherLength) - Number(length)).to.be.oneOf([0, String(absent).length - String(groupId).length]);
    }
  });

  it('cannot join by name: that creates another group', async () => {
    for (const join of [
      () => post(`${node.url}/user/${stranger.id}/groups/${named()}`, undefined, asUser(stranger)),
      () => post(`${node.url}/user/${stranger.id}/groups`, { groups: [groupName] }, asUser(stranger)),
    ]) {
      const { status, body } = await join();
      expect([status, body.groups]).to.deep.equal([200, [groupName]]);
      expect((await get(`${node.url}/messages?groupId=${groupId}`, asUser(stranger))).status).to.equal(403);
      const { rows } = await sql.query('SELECT user_id::int FROM plantao.memberships WHERE group_id = $1', [groupId]);
      expect(rows).to.deep.equal([{ user_id: member.id }]);
    }
    const again = await post(`${node.url}/user/${stranger.id}/groups/${named()}`, undefined, asUser(stranger));
    expect(again.body.groups).to.deep.equal([groupName]);
  });

  it('does not see in /groups that clients wait on a foreign group of the same name', async () => {
    await people.group(groupName, [stranger]);
    const polls = [poll(member, `user?user_id=${member.id}`), poll(member, `status?group=${named()}`)];
    await untilWaiting(2);
    expect((await get(`${node.url}/groups`, asUser(stranger))).body).to.deep.equal({ active_groups: [], count: 0 });
    expect((await get(`${node.url}/groups`, asUser(member))).body.active_groups).to.deep.equal([groupName]);
    await post(`${node.url}/notify/${named()}`, {}, asUser(member));
    await Promise.all(polls);
  });

  it('finds users by name, with only their name and id', async () => {
    const { body } = await get(`${node.url}/users?username=${member.username}`, asUser(stranger));
    expect(body).to.deep.equal({ users: [{ id: member.id, username: member.username }] });
    const warned = await post(
      `${node.url}/create-chat`,
      { groupName: 'new', creatorId: stranger.id, members: [member.username, 'nobody at all'] },
      asUser(stranger),
    );
    expect(warned.body.warning).to.equal('no such users: nobody at all');
  });

  it('finds no secret in public responses, nor in the log: tokens, passwords, message texts, the database URL', async () => {
    const [password, wrong, text] = ['a very secret password', 'a wrong secret guess', 'a text between friends'];
    const username = People.name();
    const { body } = await post(`${node.url}/register`, { username, password });
    await post(`${node.url}/login`, { username, password: wrong });
    await post(`${node.url}/login`, { username, password });
    await post(`${node.url}/messages`, { userId: member.id, groupId, content: text }, asUser(member));
    await post(`${node.url}/messages`, { userId: member.id, groupId, content: `${text}\0` }, asUser(member));
    await post(`${node.url}/messages`, `{"content": "${text}`, { ...asUser(member) });
    await post(`${node.url}/notify/${named()}`, { payload: text }, asUser(member));
    await failToStore(text);
    const { hash } = (
      await sql.query('SELECT password_hash AS hash FROM plantao.users WHERE username = $1', [username])
    ).rows[0];
    const secrets = {
      token: body.token,
      "a member's token": member.token,
      'the ADMIN_TOKEN': ADMIN_TOKEN,
      password,
      'a wrong password': wrong,
      'a text': text,
      'a password hash': hash,
      'a way to the database': 'postgres://',
      "the database's password": new URL(database.url).password || 'postgres://',
    };
    const open = [
      '/',
      '/health',
      '/cluster',
      '/cluster/timeline',
      '/cluster/activity',
      '/metrics',
      '/readiness',
      '/no-such-route',
    ];
    const pages = await Promise.all(open.map(async (path) => (await get(`${node.url}${path}`)).text));
    for (const [what, secret] of Object.entries(secrets)) {
      expect(pages.join('\n').includes(String(secret)), `${what} in what every caller may read`).to.equal(false);
      expect(
        node.lines.find((line) => line.includes(String(secret))),
        `${what} in the log`,
      ).to.equal(undefined);
    }
    const metrics = await get(`${node.url}/metrics`);
    expect(metrics.text).to.not.include(process.version);
    for (const { headers } of [metrics, await get(`${node.url}/health`)]) {
      expect(headers).to.not.have.any.keys('x-powered-by', 'server', 'via');
    }
  });

  /** An unexpected failure of a statement that contains the text. */
  async function failToStore(text: string): Promise<void> {
    await sql.query(`ALTER TABLE plantao.messages ADD CONSTRAINT unforeseen CHECK (content <> '${text}') NOT VALID`);
    try {
      const { status, body } = await post(
        `${node.url}/messages`,
        { userId: member.id, groupId, content: text },
        asUser(member),
      );
      expect([status, body.code]).to.deep.equal([503, 'database_refused']);
      expect(body.error).to.not.match(/unforeseen|constraint "|SQLSTATE/);
      await node.untilLogged('the failure', (entry) => entry.event === 'request_failed');
    } finally {
      await sql.query('ALTER TABLE plantao.messages DROP CONSTRAINT unforeseen');
    }
  }
});
