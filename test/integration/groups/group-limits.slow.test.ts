import { expect } from 'chai';
import { get, post } from '../../support/network/http.ts';
import { People } from '../../support/network/people.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

describe('The limits on groups', function () {
  this.timeout(120_000);
  const nodes = useTwoNodes();
  const { sql } = nodes;
  const people = new People(sql);

  const on = (path: string) => `${nodes.active.url}${path}`;
  const create = (creatorId: number, members: string[] = []) =>
    post(on('/create-chat'), { groupName: 'Mine', creatorId, members });
  /** Groups that `creatorId` creates with `userId` in them, an hour and more ago. */
  const addTo = (userId: number, creatorId: number | null, count: number, age = '2 hours') =>
    sql.query(
      `WITH made AS (INSERT INTO plantao.groups (name, creator_id, created_at)
         SELECT 'Of another ' || n, $2, now() - $4::interval FROM generate_series(1, $3) n RETURNING id)
       INSERT INTO plantao.memberships (group_id, user_id) SELECT id, $1 FROM made`,
      [userId, creatorId, count, age],
    );

  it('let a user whom others added to a thousand groups create more, and leave all with one request', async () => {
    const [ana, stranger] = [await people.newUser(), await people.newUser()];
    await addTo(ana.id, stranger.id, 1000);
    expect((await create(ana.id)).status).to.equal(200);
    const left = await post(on(`/user/${ana.id}/groups`), { groups: [] });
    expect([left.status, left.body.groups]).to.deep.equal([200, []]);
  });

  it('leave users who have reached their limit out of a new group', async () => {
    const [ana, full, bruno] = [await people.newUser(), await people.newUser(), await people.newUser()];
    await addTo(full.id, null, 1000);
    const { status, body } = await create(ana.id, [full.username, bruno.username]);
    expect([status, body.warning]).to.deep.equal([
      200,
      `not added, because they are in the maximum number of groups: ${full.username}`,
    ]);
    expect((body.members as { id: number }[]).map(({ id }) => id)).to.deep.equal([ana.id, bruno.id]);
    const joined = await post(on('/group-users'), { groupId: body.group_id, userId: full.id });
    expect([joined.status, joined.body.code]).to.deep.equal([409, 'too_many_groups']);
  });

  it('bound the groups that one user creates, in total and per hour, on every route', async () => {
    const [ana, bruno] = [await people.newUser(), await people.newUser()];
    await addTo(ana.id, ana.id, 1000);
    expect((await create(ana.id)).body.code).to.equal('too_many_groups');
    expect((await post(on(`/user/${ana.id}/groups/new-one`))).body.code).to.equal('too_many_groups');
    await addTo(bruno.id, bruno.id, 1000, '10 minutes');
    await sql.query('DELETE FROM plantao.memberships WHERE user_id = $1', [bruno.id]);
    for (const refused of [await create(bruno.id), await post(on(`/user/${bruno.id}/groups`), { groups: ['a new'] })]) {
      expect([refused.status, refused.body.code]).to.deep.equal([429, 'too_many_requests']);
      expect(Number(refused.headers['retry-after'])).to.be.within(2900, 3000);
    }
  });

  it('keep a node fast for a user with ten thousand groups, who can leave them all', async () => {
    const ana = await people.newUser();
    await addTo(ana.id, null, 10_000);
    const { status, body } = await get(on(`/chats?userId=${ana.id}`));
    expect([status, (body.chats as unknown[]).length]).to.deep.equal([200, 2000]);
    expect((await get(on(`/user/${ana.id}/groups`))).body.groups).to.have.length(2000);
    const left = await post(on(`/user/${ana.id}/groups`), { groups: [] }, { deadline: 60_000 });
    expect([left.status, left.body.groups]).to.deep.equal([200, []]);
    const { rows } = await sql.query('SELECT FROM plantao.memberships WHERE user_id = $1', [ana.id]);
    expect(rows).to.have.length(0);
  });
});
