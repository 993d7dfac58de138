import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { codeOf, get, type JsonObject, request } from '../../support/network/http.ts';
import { People, type Person, requestsTo } from '../../support/network/people.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('What happened to a group', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let node: LocalNode;
  let open: LocalNode;
  let people: People;
  before(async () => {
    people = new People(sql);
    const start = async (AUTH: string) => {
      const started = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), NODE_NAME: AUTH, AUTH });
      await started.start();
      return started;
    };
    node = await start('token');
    await untilActive(node);
    open = await start('open');
  });
  after(async () => {
    await open?.stop();
    await node?.stop();
  });

  const call = requestsTo(() => node.url);
  const read = async (groupId: number, who: Person, more = '') => {
    const { status, body } = await call('GET', `/group-events?groupId=${groupId}${more}`, who);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body as { events: JsonObject[]; has_more: boolean; cursor: string };
  };
  /** The events without what differs from run to run. */
  const comparable = (events: JsonObject[]) =>
    events.map(({ cursor: _, at: __, group_id: ___, group: ____, ...event }) => event);
  const scene = async () => {
    const [ana, bruno, carla] = [await people.newUser(), await people.newUser(), await people.newUser()];
    const made = { groupName: 'Horta', creatorId: ana.id, members: [bruno.username] };
    const groupId = (await call('POST', '/create-chat', ana, made)).body.group_id as number;
    return { ana, bruno, carla, groupId };
  };

  it('names the user who acted, and reads the same later as it did live', async () => {
    const { ana, bruno, carla, groupId } = await scene();
    const { body: start } = await call('GET', '/chats', ana);
    const steps: [string, string, Person, JsonObject][] = [
      ['POST', '/group-users', ana, { groupId, userId: carla.id }],
      ['POST', '/messages', ana, { groupId, content: 'between them' }],
      ['PATCH', '/group-users', ana, { groupId, userId: carla.id, role: 'admin' }],
      ['PATCH', '/groups', carla, { groupId, name: 'Pomar', description: 'Frutas' }],
      ['PATCH', '/groups', ana, { groupId, archived: true }],
      ['DELETE', '/group-users', ana, { groupId, userId: carla.id }],
      ['DELETE', '/group-users', bruno, { groupId }],
    ];
    for (const [method, path, who, body] of steps) expect((await call(method, path, who, body)).status).to.equal(200);
    const { events } = await read(groupId, ana);
    const by = ({ id, username }: Person) => ({ actor_id: id, actor: username });
    const state = { name: 'Pomar', description: 'Frutas', shows_reads: false };
    const of = ({ id, username }: Person) => ({ user_id: id, username });
    expect(comparable(events)).to.deep.equal([
      { kind: 'joined', ...of(ana), ...by(ana), created: true },
      { kind: 'joined', ...of(bruno), ...by(ana) },
      { kind: 'joined', ...of(carla), ...by(ana) },
      { kind: 'role_changed', ...of(carla), role: 'admin', ...by(ana) },
      { kind: 'group_changed', ...state, archived: false, changed: ['name', 'description'], ...by(carla) },
      { kind: 'group_changed', ...state, archived: true, changed: ['archived'], ...by(ana) },
      { kind: 'left', ...of(carla), ...by(ana) },
      { kind: 'left', ...of(bruno), ...by(bruno) },
    ]);
    const { body } = await call('GET', `/subscribe/user?userId=${ana.id}&cursor=${start.cursor}&timeout=5`, ana);
    const live = (body.events as JsonObject[]).filter(({ kind }) => kind !== 'message');
    expect(events.slice(2)).to.deep.equal(live.slice(0, events.length - 2));
  });

  it('says first who created the group, then who was added', async () => {
    const [ana, bruno, carla] = [await people.newUser(), await people.newUser(), await people.newUser()];
    const byId = [ana, bruno, carla].sort((one, other) => one.id - other.id);
    const [first, creator, last] = byId as [Person, Person, Person];
    const members = [first.username, last.username];
    const created = await call('POST', '/create-chat', creator, {
      groupName: 'Created',
      creatorId: creator.id,
      members,
    });
    const { events } = await read(created.body.group_id as number, creator);
    expect(comparable(events).map(({ user_id, created }) => [user_id, created])).to.deep.equal([
      [creator.id, true],
      [first.id, undefined],
      [last.id, undefined],
    ]);
  });

  it('is read in pages, newest first, whatever lies between its events', async () => {
    const { ana, groupId } = await scene();
    for (let n = 0; n < 5; n++) {
      await sql.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, 'x')", [
        groupId,
        ana.id,
      ]);
      await call('PATCH', '/groups', ana, { groupId, description: `no. ${n}` });
    }
    const descriptions: unknown[] = [];
    let before = '';
    let isMore = true;
    while (isMore) {
      const page = await read(groupId, ana, `&limit=2${before}`);
      descriptions.unshift(...page.events.map(({ description, kind }) => description ?? kind));
      isMore = page.has_more;
      before = `&before=${page.events[0]?.cursor}`;
    }
    expect(descriptions).to.deep.equal(['joined', 'joined', 'no. 0', 'no. 1', 'no. 2', 'no. 3', 'no. 4']);
    const { cursor } = await read(groupId, ana);
    const next = await call('GET', `/subscribe/user?userId=${ana.id}&cursor=${cursor}&timeout=0`, ana);
    expect(next.status, 'events continue at the cursor').to.equal(204);
  });

  it('is shown to members only, and for an existing group only', async () => {
    const { ana, carla, groupId } = await scene();
    const path = `/group-events?groupId=${groupId}`;
    expect(codeOf(await call('GET', path, carla))).to.deep.equal([403, 'not_a_member']);
    expect((await call('GET', `${path}&before=nonsense`, ana)).status).to.equal(400);
    expect((await call('GET', `${path}&limit=501`, ana)).status).to.equal(400);
    expect((await get(`${open.url}${path}`)).status, 'AUTH=open').to.equal(200);
    expect((await call('DELETE', '/groups', ana, { groupId })).status).to.equal(200);
    expect(codeOf(await get(`${open.url}${path}`))).to.deep.equal([404, 'group_not_found']);
  });

  it('names the user who acted in SQL too, for one transaction, and is readable despite a payload that was written by hand', async () => {
    const { ana, bruno, carla, groupId } = await scene();
    const join = 'INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)';
    await sql.query('BEGIN');
    await sql.query('SELECT plantao.act_as($1)', [bruno.id]);
    await sql.query(join, [groupId, carla.id]);
    await sql.query('COMMIT');
    await sql.query('UPDATE plantao.groups SET description = $2 WHERE id = $1', [groupId, 'by nobody']);
    await sql.query(
      `INSERT INTO plantao.events (position, kind, group_id, user_id, payload)
       SELECT plantao.lock_log() + 1, 'left', $1, $2, '{"actor_id": "x1"}'`,
      [groupId, carla.id],
    );
    const { events } = await read(groupId, ana);
    expect(events.slice(-3).map(({ kind, actor_id: by }) => [kind, by])).to.deep.equal([
      ['joined', bruno.id],
      ['group_changed', undefined],
      ['left', undefined],
    ]);
  });

  it('keeps no name of a deleted account', async () => {
    const { ana, bruno, groupId } = await scene();
    await call('POST', '/group-users', bruno, { groupId, userId: (await people.newUser()).id });
    await sql.query('SELECT plantao.erase_user($1)', [bruno.id]);
    const { events } = await read(groupId, ana);
    expect(JSON.stringify(events)).not.to.contain(bruno.username);
    const added = events.find(({ kind, actor_id: by }) => kind === 'joined' && by === bruno.id);
    expect(added?.actor).to.match(/^deleted-/);
  });

  it('is found by an index, however many messages there are', async () => {
    await sql.query('BEGIN');
    await sql.query('SET LOCAL enable_seqscan = off');
    const { rows } = await sql.query(
      `EXPLAIN SELECT position FROM plantao.events e
       WHERE e.group_id + 0 = 1 AND e.kind IN ('joined', 'left', 'role_changed', 'group_changed') AND e.position < 9
       ORDER BY e.position DESC LIMIT 101`,
    );
    await sql.query('ROLLBACK');
    expect(JSON.stringify(rows)).to.contain('events_about_groups');
  });

  // The last one: from then on the other node is active.
  it('names the user of the request with AUTH=open, and only the caller with AUTH=token', async () => {
    const { ana, bruno, carla, groupId } = await scene();
    const body = { groupId, userId: carla.id, actorId: bruno.id };
    expect(codeOf(await call('POST', '/group-users', ana, body))).to.deep.equal([403, 'forbidden']);
    await eventually('the open node is active', async () => {
      const { status } = await request('POST', `${node.url}/switchover`, { body: {} });
      if (status === 401 || status === 403) await sql.query("SELECT plantao.switchover('open')");
      return (await get(`${open.url}/health`)).body.active === true;
    });
    const act = (method: string, path: string, given: JsonObject) => request(method, open.url + path, { body: given });
    expect((await act('POST', '/group-users', body)).status).to.equal(200);
    expect((await act('DELETE', '/group-users', { groupId, userId: carla.id })).status).to.equal(200);
    const { events } = await read(groupId, ana);
    expect(comparable(events).slice(-2)).to.deep.equal([
      { kind: 'joined', user_id: carla.id, username: carla.username, actor_id: bruno.id, actor: bruno.username },
      { kind: 'left', user_id: carla.id, username: carla.username },
    ]);
    expect((await act('DELETE', '/groups', { groupId, actorId: bruno.id })).status).to.equal(200);
    const deletion =
      "SELECT payload->'actor_id' AS by FROM plantao.events WHERE group_id = $1 AND kind = 'group_deleted'";
    expect((await sql.query(deletion, [groupId])).rows).to.deep.equal([{ by: bruno.id }]);
  });
});
