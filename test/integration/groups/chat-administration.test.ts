import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { codeOf, type JsonObject } from '../../support/network/http.ts';
import { People, type Person, requestsTo } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';

describe('Administration of groups', function () {
  this.timeout(60_000);
  const { node, sql, people } = useOneNode({ AUTH: 'token', DB_POOL_SIZE: '6' });

  const call = requestsTo(() => node.url);
  const rolesOf = async (groupId: number) => {
    const { rows } = await sql.query('SELECT user_id, role FROM plantao.memberships WHERE group_id = $1', [groupId]);
    return Object.fromEntries(rows.map(({ user_id, role }) => [user_id, role]));
  };
  const cursorOf = async (who: Person) => (await call('GET', '/chats', who)).body.cursor;
  const eventsOf = async (who: Person, cursor: unknown, most = 1) => {
    const events: JsonObject[] = [];
    let at = cursor;
    await eventually(`${most} events`, async () => {
      const { body } = await call('GET', `/subscribe/user?userId=${who.id}&cursor=${at}&timeout=1`, who);
      events.push(...((body?.events as JsonObject[]) ?? []));
      at = body?.cursor ?? at;
      return events.length >= most;
    });
    return events;
  };
  /** A group of an owner, an admin and two members. */
  async function scene(name = People.name('group')) {
    const [owner, admin, member, other] = [
      await people.newUser(),
      await people.newUser(),
      await people.newUser(),
      await people.newUser(),
    ];
    const groupId = await people.group(name, [owner, admin, member, other]);
    const role = { groupId, userId: admin.id, role: 'admin' };
    expect((await call('PATCH', '/group-users', owner, role)).status).to.equal(200);
    return { owner, admin, member, other, groupId };
  }

  it('begins with the creator as owner', async () => {
    const { owner, admin, member, other, groupId } = await scene();
    const roles = { [owner.id]: 'owner', [admin.id]: 'admin', [member.id]: 'member', [other.id]: 'member' };
    expect(await rolesOf(groupId)).to.deep.equal(roles);
    const { body } = await call('GET', `/group-users?groupId=${groupId}`, member);
    expect(body.users).to.deep.include({ id: owner.id, username: owner.username, role: 'owner' });
    const [chat] = (await call('GET', '/chats', admin)).body.chats as JsonObject[];
    expect(chat).to.deep.include({ role: 'admin', archived: false, description: '' });
  });

  it('lets owners and admins rename, describe and archive a group, and notifies its members', async () => {
    const { owner, admin, member, groupId } = await scene();
    const cursor = await cursorOf(member);
    const change = { groupId, name: 'Novo nome', description: ' sobre isto ' };
    expect(codeOf(await call('PATCH', '/groups', member, change))).to.deep.equal([403, 'forbidden']);
    expect((await call('PATCH', '/groups', admin, change)).body).to.deep.equal({
      group_id: groupId,
      name: 'Novo nome',
      description: 'sobre isto',
      archived: false,
      shows_reads: false,
    });
    await call('PATCH', '/groups', owner, { groupId, archived: true });
    const post = { groupId, content: 'tarde' };
    expect(codeOf(await call('POST', '/messages', member, post))).to.deep.equal([409, 'group_archived']);
    await call('PATCH', '/groups', owner, { groupId, archived: false });
    expect((await call('POST', '/messages', member, post)).status).to.equal(200);
    const events = await eventsOf(member, cursor, 4);
    expect(events.map(({ kind, name, archived }) => [kind, name, archived])).to.deep.equal([
      ['group_changed', 'Novo nome', false],
      ['group_changed', 'Novo nome', true],
      ['group_changed', 'Novo nome', false],
      ['message', undefined, undefined],
    ]);
    await sql.query("UPDATE plantao.groups SET name = 'De psql' WHERE id = $1", [groupId]);
    const [renamed] = await eventsOf(member, events.at(-1)?.cursor);
    expect(renamed).to.deep.include({ kind: 'group_changed', name: 'De psql' });
  });

  it('lets only owners give roles, and keeps the last owner', async () => {
    const { owner, admin, member, groupId } = await scene();
    const cursor = await cursorOf(member);
    const role = (who: Person, userId: number, name: string) =>
      call('PATCH', '/group-users', who, { groupId, userId, role: name });
    expect(codeOf(await role(admin, member.id, 'admin'))).to.deep.equal([403, 'forbidden']);
    expect(codeOf(await role(owner, owner.id, 'member'))).to.deep.equal([409, 'last_owner']);
    expect((await role(owner, member.id, 'owner')).status).to.equal(200);
    expect((await role(owner, owner.id, 'admin')).status, 'ownership is handed over').to.equal(200);
    const events = await eventsOf(member, cursor, 2);
    expect(events.map(({ kind, user_id, role: given }) => [kind, user_id, given])).to.deep.equal([
      ['role_changed', member.id, 'owner'],
      ['role_changed', owner.id, 'admin'],
    ]);
    const stranger = await people.newUser();
    expect(codeOf(await role(member, stranger.id, 'admin'))).to.deep.equal([403, 'not_a_member']);
    expect((await role(member, owner.id, 'king')).status).to.equal(400);
  });

  it('keeps an owner when psql changes roles, and lets one transaction hand the ownership over', async () => {
    const { owner, member, groupId } = await scene();
    const set = (role: string, { id }: Person) =>
      `UPDATE plantao.memberships SET role = '${role}' WHERE group_id = ${groupId} AND user_id = ${id}`;
    for (const sentence of [
      set('member', owner),
      set('admin', owner),
      `UPDATE plantao.memberships SET role = 'member' WHERE group_id = ${groupId}`,
    ]) {
      const error = await sql.query(sentence).catch((caught) => caught);
      expect([error.code, error.message], sentence).to.deep.equal(['23514', `group ${groupId} would have no owner`]);
    }
    await sql.query(`BEGIN; ${set('member', owner)}; ${set('owner', member)}; COMMIT`);
    expect(await rolesOf(groupId)).to.deep.include({ [owner.id]: 'member', [member.id]: 'owner' });
    await sql.query('DELETE FROM plantao.memberships WHERE group_id = $1', [groupId]);
  });

  it('lets admins remove plain members and owners remove any member; a removed member stays out', async () => {
    const { owner, admin, member, other, groupId } = await scene();
    const remove = (who: Person, userId: number) => call('DELETE', '/group-users', who, { groupId, userId });
    expect(codeOf(await remove(member, other.id))).to.deep.equal([403, 'forbidden']);
    expect(codeOf(await remove(admin, owner.id))).to.deep.equal([403, 'forbidden']);
    const { body: invitation } = await call('POST', '/invitations', admin, { groupId });
    expect((await remove(admin, member.id)).status).to.equal(200);
    const accept = () => call('POST', '/invitations/accept', member, { token: invitation.token });
    expect(codeOf(await accept())).to.deep.equal([403, 'removed_from_group']);
    const add = (who: Person) => call('POST', '/group-users', who, { groupId, userId: member.id });
    expect(codeOf(await add(other))).to.deep.equal([409, 'has_left']);
    expect((await add(admin)).status).to.equal(200);
    expect((await remove(owner, admin.id)).status).to.equal(200);
    expect(Object.keys(await rolesOf(groupId))).to.have.members([owner.id, member.id, other.id].map(String));
  });

  it('says that only the user who has left a direct chat can open it again', async () => {
    const { owner, other } = await scene();
    const { body: chat } = await call('POST', '/direct', owner, { otherUserId: other.id });
    const of = { groupId: chat.group_id, userId: other.id };
    expect((await call('DELETE', '/group-users', other, of)).status).to.equal(200);
    const { status, body } = await call('POST', '/group-users', owner, of);
    expect([status, body.code]).to.deep.equal([409, 'has_left']);
    expect(body.error).to.include('only they can open it').and.not.include('invitation');
  });

  it('keeps a user who has left from being added by another member; an invitation lets them back', async () => {
    const { owner, member, other, groupId } = await scene();
    await call('DELETE', '/group-users', member, { groupId, userId: member.id });
    const add = { groupId, userId: member.id };
    expect(codeOf(await call('POST', '/group-users', other, add))).to.deep.equal([409, 'has_left']);
    const { body: invitation } = await call('POST', '/invitations', owner, { groupId, uses: 1 });
    const accept = (who: Person, token = invitation.token) => call('POST', '/invitations/accept', who, { token });
    expect((await accept(member)).body).to.deep.include({ group_id: groupId, user_id: member.id });
    expect((await accept(member)).status, 'again').to.equal(200);
    const stranger = await people.newUser();
    expect(codeOf(await accept(stranger)), 'used up').to.deep.equal([404, 'invitation_not_found']);
    const { body: second } = await call('POST', '/invitations', owner, { groupId });
    await call('DELETE', '/invitations', owner, { groupId });
    expect(codeOf(await accept(stranger, second.token)), 'revoked').to.deep.equal([404, 'invitation_not_found']);
    const { body: third } = await call('POST', '/invitations', owner, { groupId });
    await sql.query('UPDATE plantao.invitations SET expires_at = now()');
    expect(codeOf(await accept(stranger, third.token)), 'expired').to.deep.equal([404, 'invitation_not_found']);
    expect(codeOf(await call('POST', '/invitations', member, { groupId }))).to.deep.equal([403, 'forbidden']);
  });

  it('makes the admin the owner when all owners leave, even two at once, and the oldest member when no admin is left', async () => {
    const { owner, admin, member, other, groupId } = await scene();
    await call('PATCH', '/group-users', owner, { groupId, userId: member.id, role: 'owner' });
    const cursor = await cursorOf(other);
    const leave = (who: Person) => call('DELETE', '/group-users', who, { groupId, userId: who.id });
    const responses = await Promise.all([leave(owner), leave(member)]);
    expect(responses.map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(await rolesOf(groupId)).to.deep.equal({ [admin.id]: 'owner', [other.id]: 'member' });
    expect((await eventsOf(other, cursor, 3)).map(({ kind }) => kind)).to.deep.equal(['left', 'left', 'role_changed']);
    await sql.query('DELETE FROM plantao.memberships WHERE group_id = $1 AND user_id = $2', [groupId, admin.id]);
    expect(await rolesOf(groupId)).to.deep.equal({ [other.id]: 'owner' });
    expect((await leave(other)).status).to.equal(200);
    expect(await rolesOf(groupId)).to.deep.equal({});
  });

  it('makes the first user who joins an empty group its owner, by an invitation and in psql', async () => {
    for (const how of ['invitation', 'psql']) {
      const [owner, stranger, late] = [await people.newUser(), await people.newUser(), await people.newUser()];
      const groupId = await people.group(People.name('left'), [owner]);
      const { body: invitation } = await call('POST', '/invitations', owner, { groupId });
      await call('DELETE', '/group-users', owner, { groupId, userId: owner.id });
      const accept = (who: Person) => call('POST', '/invitations/accept', who, { token: invitation.token });
      if (how === 'invitation') expect((await accept(stranger)).status).to.equal(200);
      else
        await sql.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)', [groupId, stranger.id]);
      await accept(late);
      expect(await rolesOf(groupId), how).to.deep.equal({ [stranger.id]: 'owner', [late.id]: 'member' });
    }
  });

  it("lets admins delete others' messages", async () => {
    const { admin, member, other, groupId } = await scene();
    const { body } = await call('POST', '/messages', member, { groupId, content: 'spam' });
    const remove = (who: Person) => call('DELETE', `/messages?messageId=${body.message_id}`, who);
    expect(codeOf(await remove(other))).to.deep.equal([403, 'forbidden']);
    expect((await remove(admin)).status).to.equal(200);
  });

  it('deletes a group with thousands of messages in steps, and notifies its members once', async () => {
    const { owner, admin, member, groupId } = await scene();
    const messages = `INSERT INTO plantao.messages (group_id, sender_id, content)
      SELECT $1, $2, 'm' || n FROM generate_series(1, 2500) n`;
    await sql.query(messages, [groupId, owner.id]);
    const cursor = await cursorOf(member);
    expect(codeOf(await call('DELETE', '/groups', admin, { groupId }))).to.deep.equal([403, 'forbidden']);
    expect((await call('DELETE', '/groups', owner, { groupId })).status).to.equal(200);
    const events = await eventsOf(member, cursor, 2);
    expect(events.slice(0, 2).map(({ kind }) => kind)).to.deep.equal(['group_deleted', 'left']);
    for (const event of events.slice(0, 2)) expect(event).to.include({ actor_id: owner.id, actor: owner.username });
    const { rows } = await sql.query(
      "SELECT count(*)::int AS n FROM plantao.events WHERE group_id = $1 AND kind = 'message_deleted'",
      [groupId],
    );
    expect(rows).to.deep.equal([{ n: 0 }]);
    expect(codeOf(await call('GET', `/messages?groupId=${groupId}`, member))).to.deep.equal([403, 'not_a_member']);
  });

  it('notifies the members of a group that is deleted in psql, while they are still members', async () => {
    const { member, groupId } = await scene();
    const cursor = await cursorOf(member);
    await sql.query('DELETE FROM plantao.groups WHERE id = $1', [groupId]);
    const events = await eventsOf(member, cursor, 2);
    expect(events.slice(0, 2).map(({ kind }) => kind)).to.deep.equal(['group_deleted', 'left']);
  });

  it('names the roles that may do what the caller may not', async () => {
    const { owner, admin, member, other, groupId } = await scene();
    const posted = await call('POST', '/messages', owner, { groupId, content: 'Olá' });
    const messageId = posted.body.message_id as number;
    const cases: [method: string, path: string, who: Person, body: JsonObject, error: string][] = [
      ['PATCH', '/messages', member, { messageId, content: 'x' }, 'only its sender may edit a message'],
      [
        'DELETE',
        '/messages',
        member,
        { messageId },
        'only its sender, and owners and admins of the group, may delete a message',
      ],
      ['PATCH', '/groups', member, { groupId, name: 'x' }, 'only owners and admins of the group may do this'],
      ['GET', `/hooks?groupId=${groupId}`, member, {}, 'only owners and admins of the group may do this'],
      [
        'DELETE',
        '/group-users',
        member,
        { groupId, userId: other.id },
        'only owners and admins of the group may do this',
      ],
      ['DELETE', '/groups', admin, { groupId }, 'only owners of the group may do this'],
      [
        'PATCH',
        '/group-users',
        admin,
        { groupId, userId: member.id, role: 'admin' },
        'only owners of the group may do this',
      ],
      [
        'DELETE',
        '/group-users',
        admin,
        { groupId, userId: owner.id },
        'only owners of the group may remove its owners and admins',
      ],
      ['POST', '/notify/all', owner, {}, 'a notification to all requires the ADMIN_TOKEN'],
    ];
    for (const [method, path, who, body, error] of cases) {
      const { status, body: refusal } = await call(method, path, who, method === 'GET' ? undefined : body);
      expect([status, refusal.code, refusal.error], `${method} ${path}`).to.deep.equal([403, 'forbidden', error]);
    }
  });
});
