import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { bearer, type JsonObject, request } from '../../support/network/http.ts';
import { People, type Person } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';
import { DbaSession } from '../../support/postgres/dba-session.ts';
import { lockWaits } from '../../support/postgres/lock-waits.ts';

describe('A request that waits for the event log', function () {
  this.timeout(60_000);
  const watching = new DbaSession(() => database.url);
  after(() => watching.end());
  const { node, sql, people, database } = useOneNode({ AUTH: 'token' });
  before(() => watching.connect());

  const call = async (method: string, path: string, { token }: Person, body: JsonObject) => {
    const response = await request(method, node.url + path, { ...bearer(token), body });
    return `${response.status} ${response.body.code ?? ''}`.trim();
  };
  /** Sends a request while psql holds the log, runs `change` once the request waits, and returns its result. */
  async function meanwhile(change: string, send: () => Promise<string>): Promise<string> {
    await sql.query('BEGIN; SELECT plantao.lock_log()');
    const response = send();
    await eventually('the request waits', () => lockWaits(watching, 'plantao_mutexes.event_log'));
    await sql.query(`${change}; COMMIT`);
    return response;
  }
  async function scene() {
    const [owner, member] = [await people.newUser(), await people.newUser()];
    const groupId = await people.group(People.name('group'), [owner, member]);
    const of = `group_id = ${groupId} AND user_id = ${member.id}`;
    const messages = {
      own: await people.message(groupId, member, 'own'),
      other: await people.message(groupId, owner, 'x'),
    };
    return { owner, member, groupId, messages, of, removal: `DELETE FROM plantao.memberships WHERE ${of}` };
  }

  it('does nothing for a member who was removed meanwhile', async () => {
    const { member, groupId, messages, removal } = await scene();
    const stranger = await people.newUser();
    const back = `; INSERT INTO plantao.memberships (group_id, user_id) VALUES (${groupId}, ${member.id})`;
    const requests: [string, string, JsonObject, string][] = [
      ['POST', '/group-users', { groupId, userId: stranger.id }, '403 not_a_member'],
      ['POST', '/reactions', { messageId: messages.other, emoji: 'x' }, '404 message_not_found'],
      ['DELETE', '/reactions', { messageId: messages.other, emoji: 'x' }, '404 message_not_found'],
      ['PATCH', '/messages', { messageId: messages.own, content: 'edited' }, '403 not_a_member'],
      ['DELETE', '/messages', { messageId: messages.other }, '404 message_not_found'],
      ['POST', '/messages', { groupId, content: 'late' }, '403 not_a_member'],
      ['DELETE', '/group-users', { groupId }, '200'],
    ];
    for (const [method, path, body, expected] of requests) {
      const result = await meanwhile(removal, () => call(method, path, member, body));
      expect(`${method} ${path} ${result}`).to.equal(`${method} ${path} ${expected}`);
      await sql.query(`SELECT${back}`);
    }
    const state = await sql.query(
      `SELECT (SELECT count(*)::int FROM plantao.memberships WHERE group_id = $1) AS members,
              (SELECT count(*)::int FROM plantao.reactions) AS reactions,
              (SELECT array_agg(content ORDER BY id) FROM plantao.messages WHERE group_id = $1) AS contents`,
      [groupId],
    );
    expect(state.rows).to.deep.equal([{ members: 2, reactions: 0, contents: ['own', 'x'] }]);
  });

  it('does nothing for an admin who lost the role meanwhile', async () => {
    const { member, groupId, messages, of } = await scene();
    const stranger = await people.newUser();
    await sql.query('INSERT INTO plantao.departures (group_id, user_id) VALUES ($1, $2)', [groupId, stranger.id]);
    const promote = () => sql.query(`UPDATE plantao.memberships SET role = 'admin' WHERE ${of}`);
    const demotion = `UPDATE plantao.memberships SET role = 'member' WHERE ${of}`;
    const requests: [string, string, JsonObject, string][] = [
      ['DELETE', '/messages', { messageId: messages.other }, '403 forbidden'],
      ['POST', '/group-users', { groupId, userId: stranger.id }, '409 has_left'],
      ['PATCH', '/groups', { groupId, name: 'late' }, '403 forbidden'],
      ['POST', '/hooks', { groupId, name: 'late' }, '403 forbidden'],
      ['POST', '/invitations', { groupId }, '403 forbidden'],
    ];
    for (const [method, path, body, expected] of requests) {
      await promote();
      const result = await meanwhile(demotion, () => call(method, path, member, body));
      expect(`${method} ${path} ${result}`).to.equal(`${method} ${path} ${expected}`);
    }
  });

  it('does not join by an invitation that psql revokes or uses up meanwhile', async () => {
    const { owner, groupId } = await scene();
    const blocked = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    const of = `plantao.invitations WHERE group_id = ${groupId}`;
    for (const change of [`DELETE FROM ${of}`, `UPDATE ${of.replace(' WHERE', ' SET uses_left = 0 WHERE')}`]) {
      const invited = { ...bearer(owner.token), body: { groupId } };
      const { body } = await request('POST', `${node.url}/invitations`, invited);
      const stranger = await people.newUser();
      await sql.query(`BEGIN; ${change}`);
      const response = call('POST', '/invitations/accept', stranger, { token: body.token });
      await eventually('the request waits', async () => (await watching.query(blocked)).rowCount);
      await sql.query('COMMIT');
      expect(await response, change).to.equal('404 invitation_not_found');
      const joined = `SELECT FROM plantao.memberships WHERE group_id = ${groupId} AND user_id = ${stranger.id}`;
      expect((await sql.query(joined)).rowCount, change).to.equal(0);
    }
  });

  it('creates no group for a user whose account was deleted meanwhile', async () => {
    const user = await people.newUser();
    const create = () => call('POST', '/create-chat', user, { groupName: 'late', members: [] });
    expect(await meanwhile(`DELETE FROM plantao.users WHERE id = ${user.id}`, create)).to.equal('404 user_not_found');
  });
});
