import { expect } from 'chai';
import { type Answer, del, get, type JsonObject, post } from '../support/http.ts';
import { useTwoNodes } from '../support/two-nodes.ts';

const CURSOR = /^[0-9a-f]{12}-\d+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ANA = { id: 1, username: 'ana_orm' };
const BRUNO = { id: 2, username: 'bruno_orm' };

interface Message {
  id: number;
  sender: string;
  sender_id: number;
  content: string;
  timestamp: string;
}

describe('The chat over HTTP', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10' });
  const on = (path: string) => nodes.active.url + path;
  /** Reads are served by both nodes, and alike. */
  const both = async (path: string, check: (answer: Answer<JsonObject>) => void) => {
    for (const node of [nodes.active, nodes.standby]) check(await get(node.url + path));
  };
  const isMissing = ({ status, body }: Answer<JsonObject>, code: string) => {
    expect(status).to.equal(404);
    expect(body).to.have.all.keys('error', 'code');
    expect(body.code).to.equal(code);
  };
  const newGroup = async (groupName: string, members: string[] = []) => {
    const { body } = await post(on('/create-chat'), { groupName, creatorId: 1, members });
    return body.group_id as number;
  };
  const send = async (groupId: number, content: string, userId = 1) =>
    (await post(on('/messages'), { userId, groupId, content })).body.message_id as number;

  describe('POST /login', () => {
    it('makes the account where there is none, and finds it after', async () => {
      const first = await post(on('/login'), { username: 'carla' });
      expect(first.status).to.equal(200);
      expect(first.body).to.include({ username: 'carla', created: true });
      const { user_id } = first.body;
      expect(user_id).to.be.a('number').above(2);
      expect((await post(on('/login'), { username: 'carla' })).body).to.include({ user_id, created: false });
    });

    it('takes names that look the same for one, and answers the name as its owner wrote it', async () => {
      const { body } = await post(on('/login'), { username: 'Zoë Ångström' });
      for (const username of ['  zoë ångström ', 'ZOË \n ÅNGSTRÖM', 'Zoe\u0308 A\u030angstro\u0308m']) {
        const again = await post(on('/login'), { username });
        expect(again.body, username).to.include({ user_id: body.user_id, username: 'Zoë Ångström', created: false });
      }
    });

    it('makes one account where many come at once', async () => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => post(on('/login'), { username: 'dora' })));
      expect(new Set(answers.map(({ body }) => body.user_id)).size).to.equal(1);
      expect(answers.filter(({ body }) => body.created === true)).to.have.length(1);
    });

    it('refuses what is no name', async () => {
      for (const username of ['', ' \n ', 'a'.repeat(65), 'a\u0007b', '\u202eana', 7, null, ['ana'], '\u200b']) {
        expect((await post(on('/login'), { username })).status, JSON.stringify(username)).to.equal(400);
      }
      expect((await post(on('/login'), { username: '😀'.repeat(64) })).status).to.equal(200);
    });
  });

  describe('GET /chats', () => {
    it("lists a user's groups with all their members, on both nodes", async () => {
      const id = await newGroup('Para listar', ['bruno_orm']);
      await both('/chats?userId=2', ({ status, body }) => {
        expect(status).to.equal(200);
        expect(body).to.have.all.keys('user_id', 'chats', 'cursor');
        expect(body.cursor).to.match(CURSOR);
        expect(body.user_id).to.equal(2);
        expect(body.chats).to.deep.equal([
          { id: 1, name: 'Grupo Geral', members: [ANA, BRUNO] },
          { id, name: 'Para listar', members: [ANA, BRUNO] },
        ]);
      });
    });

    it('is empty for a user without groups, and 404 for no user', async () => {
      const { body } = await post(on('/login'), { username: 'sozinho' });
      await both(`/chats?userId=${body.user_id}`, (answer) => expect(answer.body.chats).to.deep.equal([]));
      await both('/chats?userId=999999', (answer) => isMissing(answer, 'user_not_found'));
    });
  });

  describe('POST /messages', () => {
    it('answers the id, the time and the cursor of the message, which both nodes then show', async () => {
      const groupId = await newGroup('Mensagens');
      const { status, body } = await post(on('/messages'), { userId: 2, groupId, content: '  Olá!\n' });
      expect(status).to.equal(200);
      expect(body).to.have.all.keys('message', 'message_id', 'timestamp', 'cursor');
      expect(body.message).to.equal('message sent');
      expect(body.timestamp).to.match(TIME);
      expect(body.cursor).to.match(CURSOR);
      await both(`/messages?groupId=${groupId}`, (answer) => {
        const { message_id: id, timestamp } = body;
        const shown = [{ id, sender: 'bruno_orm', sender_id: 2, content: '  Olá!\n', timestamp }];
        expect(answer.body).to.deep.include({ group_id: groupId, messages: shown, has_more: false });
      });
    });

    it('with a key sends once, however often it is asked, and answers the same', async () => {
      const groupId = await newGroup('Uma vez');
      const message = { userId: 1, groupId, content: 'uma vez' };
      const headers = { 'idempotency-key': 'key-1' };
      const answers = await Promise.all(Array.from({ length: 8 }, () => post(on('/messages'), message, { headers })));
      answers.push(await post(on('/messages'), message, { headers }));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
      expect((await get<{ messages: Message[] }>(on(`/messages?groupId=${groupId}`))).body.messages).to.have.length(1);
      const other = await post(on('/messages'), { ...message, content: 'outra' }, { headers });
      expect(other.status).to.equal(409);
      expect(other.body.code).to.equal('key_reused');
      const others = await post(on('/messages'), { ...message, userId: 2 }, { headers });
      expect(others.status, 'keys are each sender’s own').to.equal(200);
    });

    it('refuses a key that is none', async () => {
      for (const key of ['', 'a'.repeat(256), 'with space', 'ã']) {
        const headers = { 'idempotency-key': key };
        const { status, body } = await post(on('/messages'), { userId: 1, groupId: 1, content: 'x' }, { headers });
        expect(status, key).to.equal(400);
        expect(body.code).to.equal('invalid_request');
      }
    });

    it('refuses content that is none', async () => {
      for (const content of ['', ' \n\t ', 7, null, ['x'], { text: 'x' }, 'x'.repeat(4097)]) {
        const { status } = await post(on('/messages'), { userId: 1, groupId: 1, content });
        expect(status, JSON.stringify(content)?.slice(0, 30)).to.equal(400);
      }
      expect((await post(on('/messages'), { userId: 1, groupId: 1, content: 'x'.repeat(4096) })).status).to.equal(200);
    });

    it('is 404 for a user or a group that is none, and harms no other post that is under way', async () => {
      const groupId = await newGroup('Vizinhos');
      const [user, group, ...good] = await Promise.all([
        post(on('/messages'), { userId: 999_999, groupId, content: 'x' }),
        post(on('/messages'), { userId: 1, groupId: 999_999, content: 'x' }),
        ...Array.from({ length: 6 }, (_, n) => post(on('/messages'), { userId: 1, groupId, content: `${n}` })),
      ]);
      isMissing(user as Answer<JsonObject>, 'user_not_found');
      isMissing(group as Answer<JsonObject>, 'group_not_found');
      expect(good.map(({ status }) => status)).to.deep.equal(good.map(() => 200));
    });

    it('takes an id as large as there may be', async () => {
      const ids = { userId: Number.MAX_SAFE_INTEGER, groupId: Number.MAX_SAFE_INTEGER };
      isMissing(await post(on('/messages'), { ...ids, content: 'x' }), 'user_not_found');
    });
  });

  describe('GET /messages', () => {
    let groupId: number;
    const ids: number[] = [];
    before(async () => {
      groupId = await newGroup('Páginas');
      for (let n = 0; n < 7; n++) ids.push(await send(groupId, `mensagem ${n}`));
    });
    const page = async (query: string) => {
      const { body } = await get<{ messages: Message[]; has_more: boolean; cursor: string }>(
        `${nodes.standby.url}/messages?groupId=${groupId}${query}`,
      );
      return [body.messages.map(({ id }) => ids.indexOf(id)), body.has_more];
    };

    it('gives the newest page, oldest first in it', async () => {
      expect(await page('')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
      expect(await page('&limit=3')).to.deep.equal([[4, 5, 6], true]);
      expect(await page('&limit=7')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
    });
    it('goes back with before, and on with after', async () => {
      expect(await page(`&limit=3&before=${ids[4]}`)).to.deep.equal([[1, 2, 3], true]);
      expect(await page(`&limit=3&before=${ids[3]}`)).to.deep.equal([[0, 1, 2], false]);
      expect(await page(`&limit=3&after=${ids[0]}`)).to.deep.equal([[1, 2, 3], true]);
      expect(await page(`&limit=3&after=${ids[3]}`)).to.deep.equal([[4, 5, 6], false]);
      expect(await page(`&after=${ids[6]}`)).to.deep.equal([[], false]);
      expect(await page(`&after=${ids[1]}&before=${ids[4]}`)).to.deep.equal([[2, 3], false]);
    });
    it('takes a limit from 1, and above 500 for 500', async () => {
      expect(await page('&limit=1')).to.deep.equal([[6], true]);
      expect(await page('&limit=100000')).to.deep.equal([[0, 1, 2, 3, 4, 5, 6], false]);
      for (const limit of ['0', '-1', '1.5', 'all', '']) {
        expect((await get(on(`/messages?groupId=${groupId}&limit=${limit}`))).status, limit).to.equal(400);
      }
    });
    it('gives the cursor from which a poll goes on without gap or overlap', async () => {
      const { body } = await get(on(`/messages?groupId=${groupId}`));
      const id = await send(groupId, 'depois da página');
      const poll = await get<{ events: { message: Message }[] }>(
        `${nodes.standby.url}/subscribe/status?groupId=${groupId}&cursor=${body.cursor}&timeout=5`,
      );
      expect(poll.body.events.map(({ message }) => message.id)).to.deep.equal([id]);
    });
    it('is empty for a group without messages, and 404 for no group', async () => {
      const empty = await newGroup('Vazio');
      await both(`/messages?groupId=${empty}`, ({ body }) => expect(body.messages).to.deep.equal([]));
      await both('/messages?groupId=999999', (answer) => isMissing(answer, 'group_not_found'));
    });
  });

  describe('DELETE /messages', () => {
    it('deletes once; then it is 404', async () => {
      const groupId = await newGroup('Apagar');
      const messageId = await send(groupId, 'apague-me');
      const { status, body } = await del(on('/messages'), { messageId });
      expect(status).to.equal(200);
      expect(body).to.deep.equal({ message: 'message deleted' });
      await both(`/messages?groupId=${groupId}`, (answer) => expect(answer.body.messages).to.deep.equal([]));
      isMissing(await del(on('/messages'), { messageId }), 'message_not_found');
    });
  });

  describe('GET, POST and DELETE /group-users', () => {
    it('join, show and leave; telling twice is fine', async () => {
      const groupId = await newGroup('Entra e sai');
      const membership = { groupId, userId: 2 };
      for (let times = 0; times < 2; times++) {
        const { status, body } = await post(on('/group-users'), membership);
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ message: 'joined', group_id: groupId, user_id: 2 });
      }
      await both(`/group-users?groupId=${groupId}`, ({ status, body }) => {
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ group_id: groupId, users: [ANA, BRUNO] });
      });
      for (let times = 0; times < 2; times++) {
        const { status, body } = await del(on('/group-users'), membership);
        expect(status).to.equal(200);
        expect(body).to.deep.equal({ message: 'left', group_id: groupId, user_id: 2 });
      }
      await both(`/group-users?groupId=${groupId}`, ({ body }) => expect(body.users).to.deep.equal([ANA]));
    });

    it('are 404 where user or group is none', async () => {
      await both('/group-users?groupId=999999', (answer) => isMissing(answer, 'group_not_found'));
      for (const call of [post, del]) {
        isMissing(await call(on('/group-users'), { groupId: 1, userId: 999_999 }), 'user_not_found');
        isMissing(await call(on('/group-users'), { groupId: 999_999, userId: 1 }), 'group_not_found');
      }
    });
  });

  describe('GET /users', () => {
    it('finds users by a part of their name, in any case, sorted, as many as asked for', async () => {
      for (const username of ['Busca Um', 'busca dois', 'outra BUSCA', '50%_certo']) {
        await post(on('/login'), { username });
      }
      const names = async (query: string) => {
        const { body } = await get<{ users: { id: number; username: string }[] }>(on(`/users?${query}`));
        for (const user of body.users) expect(user).to.have.all.keys('id', 'username');
        return body.users.map(({ username }) => username);
      };
      expect(await names('username=busca')).to.have.members(['Busca Um', 'busca dois', 'outra BUSCA']);
      expect(await names('username=busca&limit=2')).to.have.length(2);
      expect(await names('username=%25'), 'no wildcard').to.deep.equal(['50%_certo']);
      expect(await names('username=_'))
        .to.include('50%_certo')
        .and.not.include('Busca Um');
      expect(await names('username=ninguem')).to.deep.equal([]);
      expect((await names('')).length).to.be.within(5, 20);
      expect(await names('username=ana_orm')).to.deep.equal(['ana_orm']);
    });
  });

  describe('POST /create-chat', () => {
    it('makes a group of its creator and the named, each once, and names the unknown', async () => {
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

    it('has no warning where all are known, and may have no members', async () => {
      const { body } = await post(on('/create-chat'), { groupName: 'Só eu', creatorId: 2 });
      expect(body).to.have.all.keys('group_id', 'group_name', 'creator_id', 'members');
      expect(body.members).to.deep.equal([BRUNO]);
    });

    it('lets names repeat: ids tell groups apart', async () => {
      expect(await newGroup('Repetido')).to.not.equal(await newGroup('Repetido'));
    });

    it('refuses what is no group, and leaves nothing of it', async () => {
      for (const bad of [
        { groupName: '' },
        { groupName: 'x'.repeat(129) },
        { members: 'bruno_orm' },
        { members: [1] },
      ]) {
        const { status } = await post(on('/create-chat'), { groupName: 'Ruim', creatorId: 1, members: [], ...bad });
        expect(status, JSON.stringify(bad).slice(0, 40)).to.equal(400);
      }
      isMissing(await post(on('/create-chat'), { groupName: 'Ruim', creatorId: 999_999 }), 'user_not_found');
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

    it('shows, joins, leaves and replaces the groups of a user by their names', async () => {
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

    it('joins a group that is there, and does not make another of its name', async () => {
      await post(on(`/user/${id}/groups/Grupo%20Geral`));
      const { body } = await get<{ users: { id: number }[] }>(on('/group-users?groupId=1'));
      expect(body.users.map((user) => user.id)).to.include(id);
    });

    it('survives many who change it at once: nobody stands in the way of another', async () => {
      const groupIds = [await newGroup('Corrida A'), await newGroup('Corrida B')];
      for (let round = 0; round < 6; round++) {
        const [first, second] = groupIds.map((groupId) => ({ groupId, userId: id }));
        const answers = await Promise.all([
          post(on(`/user/${id}/groups`), { groups: ['Corrida A'] }),
          post(on('/group-users'), first),
          post(on('/group-users'), second),
          post(on(`/user/${id}/groups`), { groups: ['Corrida B', 'Grupo Geral'] }),
          del(on('/group-users'), first),
          del(on('/group-users'), second),
          post(on(`/user/${id}/groups`), { groups: ['Corrida A', 'Corrida B'] }),
          post(on('/messages'), { userId: id, groupId: groupIds[0], content: 'no meio' }),
        ]);
        expect(answers.map(({ status, text }) => (status === 200 ? 200 : text))).to.deep.equal(answers.map(() => 200));
      }
    });

    it('is 404 for no user', async () => {
      await both('/user/999999/groups', (answer) => isMissing(answer, 'user_not_found'));
      isMissing(await post(on('/user/999999/groups'), { groups: [] }), 'user_not_found');
      isMissing(await post(on('/user/999999/groups/x')), 'user_not_found');
      isMissing(await del(on('/user/999999/groups/x')), 'user_not_found');
    });
  });
});
