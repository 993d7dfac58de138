import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

describe('Two nodes of two databases in one process', () => {
  const databases: TestDatabase[] = [];
  const nodes: LocalNode[] = [];

  before(async () => {
    for (const name of ['first', 'second']) {
      const database = await createDatabase();
      databases.push(database);
      const node = localNode({ DATABASE_URL: database.url, PORT: '0', NODE_NAME: name, LEASE_MS: '6000' });
      nodes.push(node);
      await node.start();
    }
    for (const { url, name } of nodes) {
      await eventually(`the ${name} node is active`, async () => (await get(`${url}/primary`)).status === 200);
    }
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all(databases.map((database) => database.drop()));
  });

  it('each read and write the database of their own settings', async () => {
    const [first, second] = nodes.map(({ url }) => url);
    await post(`${second}/login`, { username: 'only in the second' });
    const { body: ana } = await post(`${first}/login`, { username: 'ana' });
    const { body: bia } = await post(`${second}/login`, { username: 'bia' });
    expect([ana.user_id, bia.user_id], 'ids of the own database').to.deep.equal([1, 2]);

    const created = await post(`${first}/create-chat`, { groupName: 'ours', creatorId: ana.user_id, members: [] });
    expect(created.body.members, 'members of the first').to.deep.equal([{ id: 1, username: 'ana' }]);
    const { body: members } = await get<{ users: { username: string }[] }>(
      `${first}/group-users?groupId=${created.body.group_id}`,
    );
    expect(members.users.map(({ username }) => username)).to.deep.equal(['ana']);

    const again = await post(`${first}/login`, { username: 'only in the second' });
    expect(again.body, 'the account of another database').to.include({ created: true, user_id: 2 });
  });
});
