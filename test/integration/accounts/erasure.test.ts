import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { bearer, codeOf, type JsonObject, request } from '../../support/network/http.ts';
import { People, type Person } from '../../support/network/people.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { lockWaits } from '../../support/postgres/lock-waits.ts';
import { type UsedDatabase, useDatabase } from '../../support/postgres/use-database.ts';

type Caller = { token?: string };

/** A node of its own, and what the tests of deleted accounts need. */
function useNode(auth: 'token' | 'open') {
  const used = useDatabase();
  const scene = { ...used, people: new People(used.sql) } as UsedDatabase & { node: LocalNode; people: People };
  before(async () => {
    scene.node = localNode({
      DATABASE_URL: scene.database.url,
      PORT: String(await freePort()),
      AUTH: auth,
      DB_POOL_SIZE: '4',
    });
    await scene.node.start();
    await untilActive(scene.node);
  });
  // A catch-up session belongs to the node, and not to the first test that needs it: an erasure makes nodes forget their events.
  before(async () => {
    const [reader, erased] = [await scene.people.newUser(), await scene.people.newUser()];
    const as = bearer(reader.token);
    const { body } = await request('GET', `${scene.node.url}/sync?userId=${reader.id}`, as);
    await scene.people.group('Antes', [erased]);
    await scene.sql.query('SELECT plantao.erase_user($1)', [erased.id]);
    await eventually('the catch-up session is open', async () => {
      const poll = `/subscribe/user?user_id=${reader.id}&cursor=${body.cursor}&timeout=0`;
      await request('GET', scene.node.url + poll, as);
      const text =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%:catchup'";
      return (await scene.sql.query(text)).rows.length > 0;
    });
  });
  after(async () => {
    await scene.node.stop();
    expect(scene.node.entries.filter((entry) => entry.level >= 50)).to.deep.equal([]);
  });
  const call = (caller: Caller, method: string, path: string, body?: JsonObject, key?: string) => {
    const headers = {
      ...(caller.token !== undefined && { authorization: `Bearer ${caller.token}` }),
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    return request(method, scene.node.url + path, { headers, ...(body && { body }) });
  };
  return { scene, call };
}

const NOT_FOUND = [404, 'user_not_found'];

describe('A deleted account', function () {
  this.timeout(60_000);
  const { scene, call } = useNode('token');
  const query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
    (await scene.sql.query<Row>(text, values)).rows;
  const erase = (person: Person, messages: string) => call(person, 'POST', '/delete-account', { messages });

  /** The tables with a row that has this text. */
  const tablesWith = async (text: string) => {
    const tables = await query<{ name: string }>(
      "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'plantao'::regnamespace AND relkind = 'r'",
    );
    const found: string[] = [];
    for (const { name } of tables) {
      const rows = await query(`SELECT FROM ${name} t WHERE t::text LIKE '%' || $1 || '%' LIMIT 1`, [text]);
      if (rows.length > 0) found.push(name);
    }
    return found;
  };

  for (const messages of ['keep', 'erase']) {
    it(`leaves its name nowhere: ${messages}`, async () => {
      const name = People.name('apagada');
      const ana = await scene.people.newUser(`${name}_antes`);
      const bruno = await scene.people.newUser();
      const groupId = await scene.people.group('Grupo', [ana, bruno]);
      const direct = () => call(bruno, 'POST', '/direct', { otherUserId: ana.id }, 'direct');
      const create = () => call(bruno, 'POST', '/create-chat', { groupName: 'Outro', members: [name] }, 'create');
      const { body: sync } = await call(bruno, 'GET', '/sync');
      const { body: chat } = await direct();
      expect((await call(ana, 'PATCH', '/me', { username: name })).status).to.equal(200);
      const [first, renamed] = [
        await create(),
        await query('SELECT name FROM plantao.groups WHERE id = $1', [chat.group_id]),
      ];
      expect(first.body.members).to.deep.include({ id: ana.id, username: name });
      expect(renamed, 'the direct chat follows the new name').to.deep.equal([{ name: `${name}, ${bruno.username}` }]);
      const { body: sent } = await call(ana, 'POST', '/messages', { groupId, content: 'olá' });
      await call(bruno, 'POST', '/messages', { groupId, content: 'oi', replyTo: sent.message_id as number });
      const poll = () => call(bruno, 'GET', `/subscribe/user?user_id=${bruno.id}&cursor=${sync.cursor}&timeout=5`);
      expect((await poll()).text, 'the events are in memory').to.include(name);

      expect((await erase(ana, messages)).status).to.equal(200);
      expect(await tablesWith(name)).to.deep.equal([]);
      const events = await eventually('the events have another name', async () => {
        const { text, body } = await poll();
        return text.includes(name) ? undefined : (body.events as JsonObject[]);
      });
      const ofAna = events.filter(({ user_id }) => user_id === ana.id);
      const ending = ofAna.flatMap(({ kind, group_id }) => (kind === 'joined' ? [] : `${kind} ${group_id}`)).slice(-6);
      const groups = [groupId, chat.group_id, first.body.group_id];
      const [renames, leaves] = [groups.map((id) => `user_renamed ${id}`), groups.map((id) => `left ${id}`)];
      expect(ending, 'the members hear of the new name before the account leaves').to.deep.equal([
        ...renames,
        ...leaves,
      ]);
      for (const path of [
        `/messages?groupId=${groupId}`,
        '/chats',
        '/search?q=ol',
        `/group-users?groupId=${groupId}`,
      ]) {
        expect((await call(bruno, 'GET', path)).text, path).not.to.include(name);
      }
      for (const again of [await direct(), await create()]) {
        expect(again.status).to.equal(200);
        expect(again.text)
          .to.match(new RegExp(`"deleted-${ana.id}-`))
          .and.not.to.include(name);
      }
      const { body: history } = await call(bruno, 'GET', `/messages?groupId=${groupId}`);
      const texts = (history.messages as JsonObject[]).map(({ content }) => content);
      expect(texts).to.deep.equal(messages === 'keep' ? ['olá', 'oi'] : ['oi']);
    });
  }

  it('is deleted although a later step fails, and the response does not say that nothing was stored', async () => {
    const ana = await scene.people.newUser();
    const groupId = await scene.people.group('Grupo', [ana]);
    const fill =
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, 'a' FROM generate_series(1, 1000)";
    await query(fill, [groupId, ana.id]);
    await scene.people.message(groupId, ana, 'kept');
    await query(`
      CREATE FUNCTION public.stop_erasure() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped by a test'; END $$;
      CREATE TRIGGER stop_erasure BEFORE DELETE ON plantao.messages FOR EACH ROW
        WHEN (OLD.content = 'kept') EXECUTE FUNCTION public.stop_erasure()`);
    expect(codeOf(await erase(ana, 'erase'))).to.deep.equal([503, 'outcome_unknown']);
    expect((await call(ana, 'GET', '/me')).status).to.equal(401);
    await query('DROP FUNCTION public.stop_erasure CASCADE');
    await query("SELECT plantao.erase_user($1, 'erase')", [ana.id]);
  });

  it('cannot be found, added, or written to', async () => {
    const [ana, bruno] = [await scene.people.newUser(), await scene.people.newUser()];
    const groupId = await scene.people.group('Grupo', [bruno]);
    await erase(ana, 'keep');
    const [{ username } = { username: '' }] = await query<{ username: string }>(
      'SELECT username FROM plantao.users WHERE id = $1',
      [ana.id],
    );
    expect((await call(bruno, 'GET', `/users?username=${username}`)).body.users).to.deep.equal([]);
    expect(codeOf(await call(bruno, 'POST', '/direct', { otherUserId: ana.id }))).to.deep.equal(NOT_FOUND);
    expect(codeOf(await call(bruno, 'POST', '/group-users', { groupId, userId: ana.id }))).to.deep.equal(NOT_FOUND);
    const created = await call(bruno, 'POST', '/create-chat', { groupName: 'Outro', members: [username] });
    expect(created.body.members).to.deep.equal([{ id: bruno.id, username: bruno.username }]);
    const added = scene.sql.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)', [
      groupId,
      ana.id,
    ]);
    expect(await added.catch(({ constraint }) => constraint)).to.equal('memberships_account');
    const direct = scene.sql.query('SELECT plantao.direct_chat($1, $2)', [bruno.id, ana.id]);
    expect(await direct.catch(({ constraint }) => constraint)).to.equal('users_account');
    const password = scene.sql.query("UPDATE plantao.users SET password_hash = 'x' WHERE id = $1", [ana.id]);
    expect(await password.catch(({ constraint }) => constraint)).to.equal('users_erased');
  });

  it('is erased with the message that it posts meanwhile', async () => {
    const ana = await scene.people.newUser();
    const groupId = await scene.people.group('Grupo', [ana]);
    const other = new pg.Client({ connectionString: scene.database.url });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query('SELECT plantao.lock_log()');
      await other.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, 'ainda')", [
        groupId,
        ana.id,
      ]);
      const erasing = erase(ana, 'erase');
      await eventually('the erasure waits for the log', () => lockWaits(scene.sql, 'plantao_mutexes.event_log'));
      await other.query('COMMIT');
      expect((await erasing).status).to.equal(200);
    } finally {
      await other.end();
    }
    expect(await query('SELECT FROM plantao.messages WHERE sender_id = $1', [ana.id])).to.deep.equal([]);
  });

  it('is completely erased by the active node after an interruption, in the mode in which the erasure began', async () => {
    const [ana, bia] = [await scene.people.newUser(), await scene.people.newUser()];
    const groupId = await scene.people.group('Grupo', [ana, bia]);
    for (const person of [ana, bia]) {
      await query(
        "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, 'x' FROM generate_series(1, 30)",
        [groupId, person.id],
      );
    }
    const step = async (mode: string, atMost: number) =>
      (await query<{ removed: number }>('SELECT plantao.erase_user($1, $2, $3) AS removed', [ana.id, mode, atMost]))[0]
        ?.removed;
    expect(await step('erase', 20)).to.equal(20);
    expect(await step('anonymise', 4), 'an erasure stays one').to.equal(4);
    const continued = async (atMost: number) =>
      (
        await query<{ removed: number }>(
          'SELECT plantao.continue_erasures((SELECT max(term) FROM plantao.leader_terms), $1) AS removed',
          [atMost],
        )
      )[0]?.removed;
    await query("SELECT plantao.erase_user($1, 'erase', 1)", [bia.id]);
    expect(await continued(15), 'the rest of one account, and some of another').to.equal(15);
    expect(await continued(100), 'departures and created groups count too').to.equal(23);
    expect(await continued(100)).to.equal(0);
    expect(await query('SELECT FROM plantao.messages WHERE group_id = $1', [groupId])).to.deep.equal([]);
    expect(await query('SELECT FROM plantao.users WHERE erasing IS NOT NULL')).to.deep.equal([]);
  });

  it('leaves many groups in several steps, each with a bounded time under the lock of the event log', async () => {
    const [ana, bia] = [await scene.people.newUser(), await scene.people.newUser()];
    // All in one transaction: the active node would continue the deletion between two steps.
    await query('BEGIN');
    await query(
      `WITH made AS (INSERT INTO plantao.groups (name) SELECT format('Muitos %s', n) FROM generate_series(1, 600) n RETURNING id)
       INSERT INTO plantao.memberships (group_id, user_id, role)
       SELECT id, member, 'owner' FROM made, unnest($1::bigint[]) WITH ORDINALITY AS m (member, number) WHERE number = 1`,
      [[ana.id]],
    );
    await query(
      `INSERT INTO plantao.memberships (group_id, user_id) SELECT group_id, $2 FROM plantao.memberships WHERE user_id = $1`,
      [ana.id, bia.id],
    );
    const step = async () => {
      const [row] = await query<{ removed: number }>("SELECT plantao.erase_user($1, 'anonymise') AS removed", [ana.id]);
      const [own] = await query<{ groups: number; erasing: string | null }>(
        `SELECT (SELECT count(*)::int FROM plantao.memberships WHERE user_id = $1) AS groups, erasing
         FROM plantao.users WHERE id = $1`,
        [ana.id],
      );
      return [own?.groups, row?.removed, own?.erasing];
    };
    expect(await step()).to.deep.equal([350, 1000, 'anonymise']);
    expect(await step()).to.deep.equal([100, 1000, 'anonymise']);
    // The last groups, then the departures.
    expect(await step()).to.deep.equal([0, 600, null]);
    expect(await step()).to.deep.equal([0, 0, null]);
    const heirs = await query("SELECT FROM plantao.memberships WHERE user_id = $1 AND role = 'owner'", [bia.id]);
    expect(heirs).to.have.length(600);
    await query('ROLLBACK');
  });

  it('counts the reactions to its messages in each step, and appends no event for them', async () => {
    const [ana, bia] = [await scene.people.newUser(), await scene.people.newUser()];
    const groupId = await scene.people.group('Grupo', [ana, bia]);
    await scene.people.message(groupId, ana, 'popular');
    // All in one transaction: the active node would continue the deletion between two steps.
    await query('BEGIN');
    const [message] = await query<{ id: number }>('SELECT id FROM plantao.messages WHERE group_id = $1', [groupId]);
    const react = `INSERT INTO plantao.reactions (message_id, user_id, emoji)
      SELECT $1, $2, 'e' || number FROM generate_series(1, 10) number`;
    for (const { id } of [ana, bia]) await query(react, [message?.id, id]);
    const [log] = await query<{ head: number }>('SELECT plantao.log_head() AS head');
    const step = async () =>
      (await query<{ removed: number }>("SELECT plantao.erase_user($1, 'erase', 15) AS removed", [ana.id]))[0]?.removed;
    // One message, twenty reactions, the departure, and the group as its creator.
    const removed = [await step(), await step()];
    await query('COMMIT');
    expect(removed).to.deep.equal([15, 8]);
    const events = await query<{ kind: string }>(
      'SELECT kind FROM plantao.events WHERE position > $1 AND group_id = $2 ORDER BY position',
      [log?.head, groupId],
    );
    expect(events.map(({ kind }) => kind)).to.deep.equal(['user_renamed', 'left', 'role_changed', 'message_deleted']);
  });

  it('can have its remaining messages erased later', async () => {
    const ana = await scene.people.newUser();
    await scene.people.message(await scene.people.group('Grupo', [ana]), ana, 'fica');
    await erase(ana, 'keep');
    expect(await query("SELECT plantao.erase_user($1, 'erase') AS removed", [ana.id])).to.deep.equal([{ removed: 1 }]);
  });

  it('is never made from the sender of a hook, of an unknown id, or in a mode that is null', async () => {
    const ana = await scene.people.newUser();
    const groupId = await scene.people.group('Grupo', [ana]);
    const [hook] = await query<{ id: number }>("SELECT hook_id AS id FROM plantao.create_hook($1, 'Cron')", [groupId]);
    const refusalOf = (id: unknown, mode: unknown) =>
      scene.sql.query('SELECT plantao.erase_user($1, $2)', [id, mode]).catch(({ code }) => code);
    expect(await refusalOf(ana.id, null)).to.equal('22023');
    for (const id of [hook?.id, 99_999_999]) expect(await refusalOf(id, 'erase')).to.equal('23503');
    expect((await call(ana, 'GET', '/me')).status).to.equal(200);
    const direct = scene.sql.query('SELECT plantao.direct_chat($1, 99999999)', [ana.id]);
    expect(await direct.catch(({ constraint }) => constraint)).to.equal('users_account');
  });
});

describe('With AUTH=open, a deleted account and the sender of a hook', function () {
  this.timeout(60_000);
  const { scene, call } = useNode('open');

  it('cannot be used', async () => {
    const [ana, bruno] = [await scene.people.newUser(), await scene.people.newUser()];
    const groupId = await scene.people.group('Grupo', [ana, bruno]);
    const messageId = await scene.people.message(groupId, bruno, 'olá');
    expect((await call({}, 'POST', '/delete-account', { userId: ana.id })).status).to.equal(200);
    const { rows } = await scene.sql.query("SELECT hook_id AS id FROM plantao.create_hook($1, 'Cron')", [groupId]);
    for (const userId of [ana.id, Number(rows[0].id)]) {
      for (const [method, path, body] of [
        ['POST', '/messages', { groupId, content: 'x' }],
        ['POST', '/group-users', { groupId }],
        ['PATCH', '/me', { username: 'carla' }],
        ['POST', '/reactions', { messageId, emoji: '👍' }],
        ['POST', '/delete-account', {}],
        ['POST', '/create-chat', { groupName: 'x', creatorId: userId, members: [] }],
      ] as const) {
        const { status, body: response } = await call({}, method, path, { userId, ...body });
        expect([status, response.code], `${method} ${path}`).to.deep.equal(NOT_FOUND);
      }
      for (const path of [
        `/me?userId=${userId}`,
        `/chats?userId=${userId}`,
        `/user/${userId}/groups`,
        `/subscribe/user?user_id=${userId}&timeout=0`,
      ]) {
        expect(codeOf(await call({}, 'GET', path)), path).to.deep.equal(NOT_FOUND);
      }
    }
    const { username } = (await scene.sql.query('SELECT username FROM plantao.users WHERE id = $1', [ana.id])).rows[0];
    expect(codeOf(await call({}, 'POST', '/login', { username }))).to.deep.equal([401, 'unauthenticated']);
  });
});
