import { expect } from 'chai';
import { directGroup, groupLike, groupNamed, joinOrCreate } from '../../../src/cli/chat/group-by-name.ts';
import { type Chat, ChatClient } from '../../../src/client/index.ts';
import { type Behaviour, type FakeNode, json, startFakeNode } from '../../support/nodes/client-fake-node.ts';

describe('Names in the command-line chat', () => {
  const group = (id: number, name: string) => ({ id, name }) as Chat;
  let node: FakeNode | undefined;
  afterEach(() => node?.close());

  async function clientOf(behave: Behaviour): Promise<ChatClient> {
    node = await startFakeNode(behave);
    return new ChatClient({ urls: [node.url], userId: 1 });
  }

  it("mean the user's only group that differs only in case or accents, if no group has exactly that name", () => {
    const [accented, plain] = [group(1, 'Plantão'), group(2, 'plantao')];
    expect(groupNamed('plantao', [accented, plain])).to.equal(plain);
    expect(groupNamed('plantao', [accented])).to.equal(undefined);
    expect(groupLike('PLANTAO', [accented])).to.equal(accented);
    expect(groupLike('PLANTAO', [accented, plain])).to.equal(undefined);
    expect(groupLike('Plantões', [accented])).to.equal(undefined);
  });

  it('create no group if there is one that differs only in case or accents', async () => {
    const missing = { error: 'there is no such group', code: 'group_not_found' };
    const details = [{ field: 'group', problem: 'another spelling', name: 'Plantão' }];
    const client = await clientOf((heard, response) => {
      if (heard.body.create !== false) return json(response, 200, { user_id: 1, groups: [] });
      json(response, 404, heard.path.endsWith('plantao') ? { ...missing, details } : missing);
    });
    expect(await joinOrCreate(client, 'plantao', [], {})).to.equal('Plantão');
    const own = group(1, 'PLANTÃO');
    expect(await joinOrCreate(client, 'plantao', [own], {})).to.equal(own);
    expect(node?.calls).to.have.length(2);
    expect(await joinOrCreate(client, 'other', [own], {})).to.equal(undefined);
    expect(node?.calls.map(({ body }) => body.create)).to.deep.equal([false, false, false, undefined]);
  });

  it('join the group with exactly that name, even if the user is in one that differs in accents', async () => {
    const client = await clientOf((_, response) => json(response, 200, { user_id: 1, groups: ['plantao'] }));
    expect(await joinOrCreate(client, 'plantao', [group(1, 'Plantão')], {})).to.equal(undefined);
    expect(node?.calls.map(({ path, body }) => [path, body.create])).to.deep.equal([['/user/1/groups/plantao', false]]);
  });

  it('find a user without case and accents, unless there are several', async () => {
    let users = [{ id: 2, username: 'João' }];
    const client = await clientOf((heard, response) =>
      heard.path === '/users'
        ? json(response, 200, { users })
        : json(response, 200, { group_id: 7, group: 'ana, João', members: [], created: true }),
    );
    expect(await directGroup(client, 'joao', {})).to.equal(7);
    users = [...users, { id: 3, username: 'Joâo' }];
    const failure = await directGroup(client, 'joao', {}).catch((error: unknown) => error);
    expect(String(failure)).to.contain('there is no user joao');
    users = [{ id: 3, username: 'joao' }, ...users];
    expect(await directGroup(client, 'joao', {})).to.equal(7);
  });
});
