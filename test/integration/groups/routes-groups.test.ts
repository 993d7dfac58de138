import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { del, get, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { lockWaits } from '../../support/postgres/lock-waits.ts';
import { ANA, BRUNO, CURSOR, chatCalls, expectMissing } from '../chat-calls.ts';

const OWNER = { ...ANA, role: 'owner' };
const MEMBER = { ...BRUNO, role: 'member' };

describe('Groups over HTTP', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10' });
  const { on, both, newGroup } = chatCalls(nodes);

  describe('GET /chats', () => {
    it("lists a user's groups with all their members, on both nodes", async () => {
      const id = await newGroup('Para listar', ['bruno_orm']);
      await both('/chats?userId=2', ({ status, body }) => {
        expect(status).to.equal(200);
        expect(body).to.have.all.keys('user_id', 'chats', 'cursor', 'online_users');
        expect(body.cursor).to.match(CURSOR);
        expect(body.user_id).to.equal(2);
        const chats = body.chats as object[];
        const common = { members: [ANA, BRUNO], members_count: 2, direct: false };
        expect(chats).to.have.length(2);
        expect(chats[0], 'the newest first').to.deep.include({ id, name: 'Para listar', ...common });
        expect(chats[1]).to.deep.include({ id: 1, name: 'Grupo Geral', ...common });
      });
    });

    it("lists at most 20,000 members, small groups first, with each group's total", async () => {
      const { body: user } = await post(on('/login'), { username: 'muitos grupos' });
      const sizes = [9_000, 9_000, 9_000, 3];
      const { sql } = nodes;
      await sql.query("INSERT INTO plantao.users (username) SELECT 'multidão ' || n FROM generate_series(1, 9000) n");
      for (const size of sizes) {
        await sql.query(
          `WITH g AS (INSERT INTO plantao.groups (name) VALUES ('cheio') RETURNING id)
           INSERT INTO plantao.memberships (group_id, user_id)
           SELECT g.id, u.id FROM g, (SELECT $1::bigint AS id UNION ALL
             (SELECT id FROM plantao.users WHERE username LIKE 'multidão %' ORDER BY id LIMIT $2)) u`,
          [user.user_id, size - 1],
        );
      }
      await both(`/chats?userId=${user.user_id}`, ({ body }) => {
        const chats = body.chats as { members: unknown[]; members_count: number }[];
        expect(chats.map((chat) => chat.members_count)).to.deep.equal(sizes.toReversed());
        expect(chats.map(({ members }) => members.length)).to.deep.equal([3, 1_997, 9_000, 9_000]);
      });
    });

    it('is empty for a user without groups, and 404 for an unknown user', async () => {
      const { body } = await post(on('/login'), { username: 'sozinho' });
      await both(`/chats?userId=${body.user_id}`, (response) => expect(response.body.chats).to.deep.equal([]));
      await both('/chats?userId=999999', (response) => expectMissing(response, 'user_not_found'));
    });
  });

  describe('GET, POST and DELETE /group-users', () => {
    it('join, list and leave, and are idempotent', async () => {
      const groupId = await newGroup('Entra e sai');
      const membership = { groupId, userId: 2 };
      for (let times = 0; times < 2; times++) {
        const { status, body } = await post(on('/group-users'), membership);
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ message: 'joined', group_id: groupId, user_id: 2 });
      }
      await both(`/group-users?groupId=${groupId}`, ({ status, body }) => {
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ group_id: groupId, users: [OWNER, MEMBER] });
      });
      for (let times = 0; times < 2; times++) {
        const { status, body } = await del(on('/group-users'), membership);
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ message: 'left', group_id: groupId, user_id: 2 });
      }
      await both(`/group-users?groupId=${groupId}`, ({ body }) => expect(body.users).to.deep.equal([OWNER]));
    });

    it('return 404 for an unknown user or group', async () => {
      await both('/group-users?groupId=999999', (response) => expectMissing(response, 'group_not_found'));
      for (const call of [post, del]) {
        expectMissing(await call(on('/group-users'), { groupId: 1, userId: 999_999 }), 'user_not_found');
        expectMissing(await call(on('/group-users'), { groupId: 999_999, userId: 1 }), 'group_not_found');
      }
    });
  });

  describe('POST /create-chat', () => {
    it('creates a group of its creator and the named users, each once, and names unknown ones in a warning', async () => {
      const { status, body } = await post(on('/create-chat'), {
        groupName: 'Projeto',
        creatorId: 1,
        members: ['bruno_orm', 'ninguém', 'BRUNO_ORM', 'ana_orm', 'nem eu'],
      });
      expect(status).to.equal(200);
      expect(body.group_id).to.be.a('number');
      expect(body).to.deep.equal({
        group_id: body.group_id,
        group_name: 'Projeto',
        creator_id: 1,
        members: [ANA, BRUNO],
        warning: 'no such users: ninguém, nem eu',
      });
    });

    it('returns no warning when all users are known, and accepts an empty list', async () => {
      const { body } = await post(on('/create-chat'), { groupName: 'Só eu', creatorId: 2 });
      expect(body).to.have.all.keys('group_id', 'group_name', 'creator_id', 'members');
      expect(body.members).to.deep.equal([BRUNO]);
    });

    it('allows groups of the same name', async () => {
      expect(await newGroup('Repetido')).to.not.equal(await newGroup('Repetido'));
    });

    it('refuses an invalid group and stores nothing', async () => {
      for (const bad of [
        { groupName: '' },
        { groupName: 'x'.repeat(129) },
        { members: 'bruno_orm' },
        { members: [1] },
      ]) {
        const { status } = await post(on('/create-chat'), { groupName: 'Ruim', creatorId: 1, members: [], ...bad });
        expect(status, JSON.stringify(bad).slice(0, 40)).to.equal(400);
      }
      expectMissing(await post(on('/create-chat'), { groupName: 'Ruim', creatorId: 999_999 }), 'user_not_found');
      const { body } = await get<{ chats: { name: string }[] }>(on('/chats?userId=1'));
      expect(body.chats.map(({ name }) => name)).to.not.include('Ruim');
    });
  });

  describe('/user/{id}/groups', () => {
    let id: number;
    before(async () => {
      id = (await post(on('/login'), { username: 'por nome' })).body.user_id as number;
    });
    const shown = (groups: string[]) => ({ user_id: id, groups });

    it("lists, joins, leaves and replaces a user's groups by name", async () => {
      await both(`/user/${id}/groups`, ({ body }) => expect(body).to.deep.equal(shown([])));
      const joined = await post(on(`/user/${id}/groups/${encodeURIComponent('Grupo Geral')}`));
      expect(joined.status).to.equal(200);
      expect(joined.body).to.deep.equal(shown(['Grupo Geral']));
      const made = await post(on(`/user/${id}/groups/${encodeURIComponent('Feito/agora? 50%')}`));
      expect(made.body).to.deep.equal(shown(['Grupo Geral', 'Feito/agora? 50%']));
      const twice = await post(on(`/user/${id}/groups/${encodeURIComponent('Feito/agora? 50%')}`));
      expect(twice.body, 'telling twice is fine').to.deep.equal(made.body);
      const replaced = await post(on(`/user/${id}/groups`), { groups: ['Outro', 'Grupo Geral', 'Outro'] });
      expect(replaced.body).to.deep.equal(shown(['Grupo Geral', 'Outro']));
      const left = await del(on(`/user/${id}/groups/Outro`));
      expect(left.body).to.deep.equal(shown(['Grupo Geral']));
      expect((await del(on(`/user/${id}/groups/Outro`))).body, 'telling twice is fine').to.deep.equal(left.body);
      expect((await post(on(`/user/${id}/groups`), { groups: [] })).body).to.deep.equal(shown([]));
      await both(`/user/${id}/groups`, ({ body }) => expect(body).to.deep.equal(shown([])));
    });

    it('joins an existing group instead of creating another of its name', async () => {
      await post(on(`/user/${id}/groups/Grupo%20Geral`));
      const { body } = await get<{ users: { id: number }[] }>(on('/group-users?groupId=1'));
      expect(body.users.map((user) => user.id)).to.include(id);
    });

    it('returns the group whose name differs only in case or accents, instead of creating another, if the client asks for that', async () => {
      const url = (name: string) => on(`/user/1/groups/${encodeURIComponent(name)}`);
      await post(url('Plantão Médico'), {});
      for (const typed of ['plantao medico', 'PLANTÃO MÉDICO']) {
        const { status, body } = await post(url(typed), { create: false });
        expect(status, typed).to.equal(404);
        expect(body.code).to.equal('group_not_found');
        expect(body.details).to.have.length(1);
        expect((body.details as object[])[0]).to.deep.include({ field: 'group', name: 'Plantão Médico' });
      }
      for (const other of ['Plantão Médica', '...'])
        expectMissing(await post(url(other), { create: false }), 'group_not_found');
      const { body } = await post(url('plantao medico'), {});
      expect(body.groups, 'without it, the exact name decides').to.include.members([
        'Plantão Médico',
        'plantao medico',
      ]);
    });

    it('creates one group when two users join a new name at once', async () => {
      const other = (await post(on('/login'), { username: 'ao mesmo tempo' })).body.user_id as number;
      const sql = new pg.Client({ connectionString: nodes.database.url });
      await sql.connect();
      try {
        // No membership can commit until both requests have looked for the group, or wait for it.
        await sql.query('BEGIN; SELECT plantao.lock_log()');
        const joining = Promise.all([
          post(on(`/user/${id}/groups`), { groups: ['Novo B', 'Novo A'] }),
          post(on(`/user/${other}/groups`), { groups: ['Novo A', 'Novo B'] }),
        ]);
        await eventually('both wait', async () => (await lockWaits(sql, 'plantao_mutexes.event_log')) === 2);
        await sql.query('COMMIT');
        expect((await joining).map(({ status }) => status)).to.deep.equal([200, 200]);
      } finally {
        await sql.end();
      }
      const ids = async (userId: number) => {
        const { body } = await get<{ chats: { id: number }[] }>(on(`/chats?userId=${userId}`));
        return body.chats.map((chat) => chat.id);
      };
      expect(await ids(id)).to.deep.equal(await ids(other));
    });

    it('replaces up to a hundred names in one request, and refuses more', async () => {
      const groups = Array.from({ length: 100 }, (_, n) => `Centena ${n}`);
      const { status, body } = await post(on(`/user/${id}/groups`), { groups });
      expect([status, body.groups]).to.deep.equal([200, groups]);
      expect((await post(on(`/user/${id}/groups`), { groups: [...groups, 'mais um'] })).status).to.equal(400);
      await post(on(`/user/${id}/groups`), { groups: [] });
    });

    it('handles many concurrent changes without a deadlock', async () => {
      const groupIds = [await newGroup('Corrida A'), await newGroup('Corrida B')];
      for (let round = 0; round < 6; round++) {
        const [first, second] = groupIds.map((groupId) => ({ groupId, userId: id }));
        const responses = await Promise.all([
          post(on(`/user/${id}/groups`), { groups: ['Corrida A'] }),
          post(on('/group-users'), first),
          post(on('/group-users'), second),
          post(on(`/user/${id}/groups`), { groups: ['Corrida B', 'Grupo Geral'] }),
          del(on('/group-users'), first),
          del(on('/group-users'), second),
          post(on(`/user/${id}/groups`), { groups: ['Corrida A', 'Corrida B'] }),
          post(on('/messages'), { userId: id, groupId: groupIds[0], content: 'no meio' }),
        ]);
        expect(responses.map(({ status, text }) => (status === 200 ? 200 : text))).to.deep.equal(
          responses.map(() => 200),
        );
      }
    });

    it('returns 404 for an unknown user', async () => {
      await both('/user/999999/groups', (response) => expectMissing(response, 'user_not_found'));
      expectMissing(await post(on('/user/999999/groups'), { groups: [] }), 'user_not_found');
      expectMissing(await post(on('/user/999999/groups/x')), 'user_not_found');
      expectMissing(await del(on('/user/999999/groups/x')), 'user_not_found');
    });
  });
});
