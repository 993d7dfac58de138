import { expect } from 'chai';
import { codeOf, type JsonObject, post } from '../../support/network/http.ts';
import { type Person, requestsTo } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';

describe('An open invitation', function () {
  this.timeout(60_000);
  const { node, sql, people } = useOneNode({ AUTH: 'token' });

  const call = requestsTo(() => node.url);
  const check = (token: unknown) => post(`${node.url}/invitations/check`, { token });
  const scene = async () => {
    const [owner, member] = [await people.newUser(), await people.newUser()];
    const groupId = await people.group('Clube & amigos', [owner, member]);
    const invite = async (more: JsonObject = {}) =>
      (await call('POST', '/invitations', owner, { groupId, ...more })).body.token as string;
    const list = async () =>
      (await call('GET', `/invitations?groupId=${groupId}`, owner)).body.invitations as JsonObject[];
    return { owner, member, groupId, invite, list };
  };
  const NOT_FOUND = [404, 'invitation_not_found'];

  it('shows the current name of the group to anyone with the token of the invitation, and creates no account', async () => {
    const { groupId, invite } = await scene();
    const token = await invite();
    const users = async () => (await sql.query('SELECT count(*) FROM plantao.users')).rows[0].count;
    const before = await users();
    const { status, body } = await check(token);
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(body).to.have.all.keys('group_name', 'expires_at');
    expect(body.group_name).to.equal('Clube & amigos');
    await sql.query("UPDATE plantao.groups SET name = 'Pomar' WHERE id = $1", [groupId]);
    expect((await check(token)).body.group_name).to.equal('Pomar');
    expect(await users()).to.equal(before);
  });

  it('is refused if it does not exist, has expired, is used up, or its group is gone', async () => {
    const { owner, groupId, invite } = await scene();
    for (const token of ['', 'x', 'x'.repeat(43)]) expect(codeOf(await check(token)), token).to.deep.equal(NOT_FOUND);
    expect((await check('x'.repeat(44))).status).to.equal(400);
    expect((await check(undefined)).status).to.equal(400);
    const once = await invite({ uses: 1 });
    await call('POST', '/invitations/accept', await people.newUser(), { token: once });
    expect(codeOf(await check(once)), 'used up').to.deep.equal(NOT_FOUND);
    const late = await invite();
    await sql.query("UPDATE plantao.invitations SET expires_at = now() - interval '1 s'");
    expect(codeOf(await check(late)), 'expired').to.deep.equal(NOT_FOUND);
    const orphan = await invite();
    await call('DELETE', '/groups', owner, { groupId });
    expect(codeOf(await check(orphan)), 'of a deleted group').to.deep.equal(NOT_FOUND);
  });

  it('is listed without its token for owners and admins, who can withdraw it without the others', async () => {
    const { owner, member, groupId, invite, list } = await scene();
    const [first, second] = [await invite({ uses: 3 }), await invite()];
    const [newest, oldest] = await list();
    expect(oldest).to.include({ uses_left: 3, created_by: owner.username });
    expect(JSON.stringify([newest, oldest]))
      .not.to.contain(first)
      .and.not.to.contain(second);
    const { status, body: refusal } = await call('GET', `/invitations?groupId=${groupId}`, member);
    expect([status, refusal.code, refusal.error]).to.deep.equal([
      403,
      'forbidden',
      'only owners and admins of the group may do this',
    ]);
    const stranger = await people.newUser();
    expect(codeOf(await call('GET', `/invitations?groupId=${groupId}`, stranger))).to.deep.equal([403, 'not_a_member']);
    const withdraw = (who: Person) =>
      call('DELETE', '/invitations', who, { groupId, invitationId: oldest?.id as string });
    expect(codeOf(await withdraw(member))).to.deep.equal([403, 'forbidden']);
    expect((await withdraw(owner)).body.revoked).to.equal(1);
    expect(codeOf(await withdraw(owner))).to.deep.equal(NOT_FOUND);
    expect(codeOf(await check(first))).to.deep.equal(NOT_FOUND);
    expect((await check(second)).status).to.equal(200);
    expect((await list()).map(({ id }) => id)).to.deep.equal([newest?.id]);
  });
});
