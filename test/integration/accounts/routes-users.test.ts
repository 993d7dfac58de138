import { expect } from 'chai';
import { get, post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { chatCalls } from '../chat-calls.ts';

describe('Users over HTTP', () => {
  const nodes = useTwoNodes({ DB_POOL_SIZE: '10' });
  const { on } = chatCalls(nodes);

  describe('POST /login', () => {
    it('creates an unknown account, and finds it the next time', async () => {
      const first = await post(on('/login'), { username: 'carla' });
      expect(first.status).to.equal(200);
      expect(first.body).to.include({ username: 'carla', created: true });
      const { user_id } = first.body;
      expect(user_id).to.be.a('number').above(2);
      expect((await post(on('/login'), { username: 'carla' })).body).to.include({ user_id, created: false });
    });

    it("treats names that look the same as one, and returns the owner's spelling", async () => {
      const { body } = await post(on('/login'), { username: 'Zoë Ångström' });
      for (const username of ['  zoë ångström ', 'ZOË \n ÅNGSTRÖM', 'Zoe\u0308 A\u030angstro\u0308m']) {
        const again = await post(on('/login'), { username });
        expect(again.body, username).to.include({ user_id: body.user_id, username: 'Zoë Ångström', created: false });
      }
    });

    it('finds a name with characters that mean something in SQL', async () => {
      for (const username of ['$1', 'ca$h', '$$ $username', ":username ? '\\ --;"]) {
        const first = await post(on('/login'), { username });
        const again = await post(on('/login'), { username });
        expect(again.body, username).to.include({ user_id: first.body.user_id, username, created: false });
      }
      const credentials = { username: 'a$ap', password: 'correct horse' };
      const registered = await post(on('/register'), credentials);
      expect((await post(on('/login'), credentials)).body.user_id).to.equal(registered.body.user_id);
    });

    it('creates one account for many concurrent requests', async () => {
      const responses = await Promise.all(Array.from({ length: 12 }, () => post(on('/login'), { username: 'dora' })));
      expect(new Set(responses.map(({ body }) => body.user_id)).size).to.equal(1);
      expect(responses.filter(({ body }) => body.created === true)).to.have.length(1);
    });

    it('refuses invalid names', async () => {
      for (const username of ['', ' \n ', 'a'.repeat(65), 'a\u0007b', '\u202eana', 7, null, ['ana'], '\u200b']) {
        expect((await post(on('/login'), { username })).status, JSON.stringify(username)).to.equal(400);
      }
      expect((await post(on('/login'), { username: '😀'.repeat(64) })).status).to.equal(200);
    });
  });

  describe('GET /users', () => {
    it('finds users by part of their name, ignoring case, sorted, up to the limit', async () => {
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

    it('finds names whatever their accents, and lists the exact spelling first', async () => {
      for (const username of ['Joao Ninguem', 'João Ninguém', 'Søren Łukasz', 'Ωμέγα Ἄλφα', '김철수', 'Maria João'])
        await post(on('/login'), { username });
      const names = async (part: string) => {
        const { body } = await get<{ users: { username: string }[] }>(
          on(`/users?username=${encodeURIComponent(part)}`),
        );
        return body.users.map(({ username }) => username);
      };
      expect(await names('joao ninguem')).to.deep.equal(['Joao Ninguem', 'João Ninguém']);
      expect(await names('JOÃO NINGUÉM')).to.deep.equal(['João Ninguém', 'Joao Ninguem']);
      expect(await names('joao')).to.include.members(['Joao Ninguem', 'João Ninguém', 'Maria João']);
      expect(await names('guém')).to.deep.equal(['Joao Ninguem', 'João Ninguém']);
      expect(await names('soren')).to.deep.equal(['Søren Łukasz']);
      expect(await names('luk')).to.deep.equal(['Søren Łukasz']);
      expect(await names('ωμεγα')).to.deep.equal(['Ωμέγα Ἄλφα']);
      expect(await names('αλφα')).to.deep.equal(['Ωμέγα Ἄλφα']);
      expect(await names('철')).to.deep.equal(['김철수']);
      expect(await names('é'), 'one character anywhere').to.include('Joao Ninguem');
    });

    it('finds only the identical name when the query consists only of combining marks', async () => {
      for (const username of ['ـــ', '\u20dd']) await post(on('/login'), { username });
      for (const [part, names] of [
        ['ـــ', ['ـــ']],
        ['\u20dd', ['\u20dd']],
        ['\u0301', []],
      ] as const) {
        const { body } = await get<{ users: { username: string }[] }>(
          on(`/users?username=${encodeURIComponent(part)}`),
        );
        expect(
          body.users.map(({ username }) => username),
          escape(part),
        ).to.deep.equal(names);
      }
    });

    it('returns the user of exactly that name first, then names that begin with it, however many others contain it', async () => {
      for (const username of ['a$1zé', 'b$1zé', 'c$1zé', '$1ZÉ', '$1zé lima']) await post(on('/login'), { username });
      const { body } = await get<{ users: { username: string }[] }>(on('/users?username=%241z%C3%A9&limit=3'));
      expect(body.users.map(({ username }) => username)).to.deep.equal(['$1ZÉ', '$1zé lima', 'a$1zé']);
    });
  });
});
