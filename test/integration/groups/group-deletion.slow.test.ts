import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { type JsonObject, request } from '../../support/network/http.ts';
import { People, type Person } from '../../support/network/people.ts';
import { useOneNode } from '../../support/nodes/one-node.ts';

/** Makes the removal of every message fail, so that a group stays in the middle of its deletion. */
const STOP_REMOVAL = `
  CREATE FUNCTION public.stop_removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped by a test'; END $$;
  CREATE TRIGGER stop_removal BEFORE DELETE ON plantao.messages FOR EACH ROW
    WHEN (OLD.content LIKE 'kept%') EXECUTE FUNCTION public.stop_removal()`;

for (const auth of ['token', 'open']) {
  describe(`The deletion of a group with AUTH=${auth}`, function () {
    this.timeout(60_000);
    const { node, sql, people } = useOneNode({ AUTH: auth }, { mayLogErrors: true });
    let owner: Person;
    let member: Person;
    let stranger: Person;
    before(async () => {
      await sql.query(STOP_REMOVAL);
      [owner, member, stranger] = [await people.newUser(), await people.newUser(), await people.newUser()];
    });

    const call = async (method: string, path: string, who: Person, body: JsonObject = {}) => {
      const headers = auth === 'token' ? { authorization: `Bearer ${who.token}` } : {};
      const response = await request(method, node.url + path, method === 'GET' ? { headers } : { headers, body });
      return { ...response, code: `${response.status} ${response.body?.code ?? ''}`.trim() };
    };
    const newGroup = async (text: string, messages: number) => {
      const id = await people.group(People.name('group'), [owner, member]);
      const fill =
        'INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, $3 FROM generate_series(1, $4::int)';
      await sql.query(fill, [id, owner.id, text, messages]);
      return id;
    };
    const countOf = async (groupId: number) =>
      (await sql.query('SELECT count(*)::int AS n FROM plantao.messages WHERE group_id = $1', [groupId])).rows[0].n;
    const beginDeletion = (groupId: number) =>
      sql.query('UPDATE plantao.groups SET deleted_at = now() WHERE id = $1', [groupId]);
    const isGone = async (groupId: number) =>
      (await sql.query('SELECT FROM plantao.groups WHERE id = $1', [groupId])).rowCount === 0;

    it('is continued by the active node if it stopped midway or began in psql, even if another deletion fails, which is logged once', async () => {
      const failing = await newGroup('kept', 2);
      const [stopped, begun] = [await newGroup('a', 2500), await newGroup('b', 2500)];
      await beginDeletion(failing);
      await sql.query('SELECT plantao.delete_group($1, 1)', [stopped]);
      await beginDeletion(begun);
      await eventually('both are gone', async () => (await isGone(stopped)) && (await isGone(begun)));
      expect([await countOf(stopped), await countOf(begun), await countOf(failing)]).to.deep.equal([0, 0, 2]);
      const isFailure = (entry: { level: number }) => entry.level >= 50;
      await eventually('the failure of the other is logged', () => node.entries.some(isFailure));
      const later = await newGroup('c', 1);
      await beginDeletion(later);
      await eventually('a later round is over', () => isGone(later));
      expect(node.entries.filter(isFailure)).to.have.length(1);
      const continued = node.entries.filter(({ event }) => event === 'group_removal_continued');
      expect(continued.map((entry) => entry.group_id)).to.have.members([failing, stopped, begun, later]);
    });

    it('counts the reactions to its messages in each step, and appends no event for them', async () => {
      const groupId = await newGroup('popular', 2);
      // All in one transaction: the active node would continue the deletion between two steps.
      await sql.query('BEGIN');
      const { rows: messages } = await sql.query('SELECT id FROM plantao.messages WHERE group_id = $1', [groupId]);
      const react = `INSERT INTO plantao.reactions (message_id, user_id, emoji)
        SELECT $1, $2, 'e' || number FROM generate_series(1, 10) number`;
      for (const { id } of messages) for (const { id: who } of [owner, member]) await sql.query(react, [id, who]);
      const head = (await sql.query('SELECT plantao.log_head()::int AS head')).rows[0].head;
      const step = async () =>
        (await sql.query('SELECT plantao.delete_group($1, 15)::int AS removed', [groupId])).rows[0].removed;
      const removed = [await step(), await step(), await step()];
      await sql.query('COMMIT');
      expect(removed).to.deep.equal([15, 15, 12]);
      expect(await isGone(groupId)).to.equal(true);
      const { rows } = await sql.query(
        'SELECT kind FROM plantao.events WHERE position > $1 AND group_id = $2 ORDER BY position',
        [head, groupId],
      );
      expect(rows.map(({ kind }) => kind)).to.deep.equal(['group_deleted', 'left', 'left']);
      const left = 'SELECT FROM plantao.reaction_counts WHERE message_id = ANY ($1)';
      expect((await sql.query(left, [messages.map(({ id }) => id)])).rowCount).to.equal(0);
    });

    it('hides the group from the beginning, in every route', async () => {
      const groupId = await newGroup('kept', 3);
      const messageId = (
        await sql.query('SELECT max(id)::int AS id FROM plantao.messages WHERE group_id = $1', [groupId])
      ).rows[0].id;
      const { body: hook } = await call('POST', '/hooks', owner, { groupId, name: 'Bot' });
      const { body: invitation } = await call('POST', '/invitations', owner, { groupId });
      await beginDeletion(groupId);
      const isToken = auth === 'token';
      const group = isToken ? '403 not_a_member' : '404 group_not_found';
      const mine = (who: Person) => (isToken ? {} : { userId: who.id });
      const expected: [string, string, Person, JsonObject, string][] = [
        ['GET', `/messages?groupId=${groupId}`, member, {}, group],
        ['GET', `/group-users?groupId=${groupId}`, member, {}, group],
        ['GET', `/presence?groupId=${groupId}`, member, {}, group],
        ['GET', `/read?groupId=${groupId}&userId=${member.id}`, member, {}, '403 not_a_member'],
        ['GET', `/subscribe/status?groupId=${groupId}&timeout=0`, member, {}, group],
        ['POST', '/messages', member, { groupId, content: 'x', ...mine(member) }, group],
        ['POST', '/read', member, { groupId, messageId, ...mine(member) }, '403 not_a_member'],
        ['POST', '/typing', member, { groupId, ...mine(member) }, group],
        ['POST', '/reactions', member, { messageId, emoji: 'x', ...mine(member) }, '404 message_not_found'],
        ['DELETE', '/reactions', member, { messageId, emoji: 'x', ...mine(member) }, '404 message_not_found'],
        ['PATCH', '/messages', owner, { messageId, content: 'x', ...mine(owner) }, '404 message_not_found'],
        ['DELETE', '/messages', owner, { messageId }, '404 message_not_found'],
        ['POST', '/group-users', member, { groupId, userId: stranger.id }, group],
        ['PATCH', '/group-users', owner, { groupId, userId: member.id, role: 'owner' }, group],
        ['PATCH', '/groups', owner, { groupId, name: 'x' }, group],
        ['POST', '/invitations', owner, { groupId }, group],
        ['DELETE', '/invitations', owner, { groupId }, group],
        ['GET', `/invitations?groupId=${groupId}`, owner, {}, group],
        ['GET', `/hooks?groupId=${groupId}`, owner, {}, group],
        [
          'POST',
          '/invitations/accept',
          stranger,
          { token: invitation.token, ...mine(stranger) },
          '404 invitation_not_found',
        ],
        ['POST', '/hooks', owner, { groupId, name: 'x' }, group],
        ['POST', `/hooks/${hook.token}`, stranger, { content: 'x' }, '404 group_not_found'],
      ];
      const found: string[] = [];
      for (const [method, path, who, body] of expected) {
        found.push(`${method} ${path} ${(await call(method, path, who, body)).code}`);
      }
      expect(found).to.deep.equal(expected.map(([method, path, , , code]) => `${method} ${path} ${code}`));
      const { body } = await call('GET', `/user/${member.id}/groups`, member);
      expect(body.groups).to.deep.equal([]);
      const feed = 'SELECT FROM plantao.event_feed WHERE group_id = $1 AND content IS NOT NULL';
      expect((await sql.query(feed, [groupId])).rowCount, 'texts in the log').to.equal(0);
      const join = 'INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2)';
      const refusal = await sql.query(join, [groupId, stranger.id]).catch((error) => error.constraint);
      expect(refusal).to.equal('memberships_group_id_fkey');
    });

    it('ends the name of the group in the log at once, even while its messages remain', async () => {
      const [midway, gone] = [await newGroup('kept', 1), await newGroup('a', 0)];
      const { name } = (await sql.query('SELECT name FROM plantao.groups WHERE id = $1', [midway])).rows[0];
      await beginDeletion(midway);
      await sql.query('DELETE FROM plantao.groups WHERE id = $1', [gone]);
      const namesOf = async (groupId: number) => {
        const feed =
          'SELECT kind, group_name FROM plantao.event_feed WHERE group_id = $1 ORDER BY position DESC LIMIT 3';
        return (await sql.query(feed, [groupId])).rows.map(({ kind, group_name }) => [kind, group_name]);
      };
      const ended = ['left', 'left', 'group_deleted'].map((kind) => [kind, null]);
      expect(await namesOf(midway)).to.deep.equal(ended);
      expect(await namesOf(gone)).to.deep.equal(ended);
      const earlier = "SELECT group_name FROM plantao.event_feed WHERE group_id = $1 AND kind = 'joined' LIMIT 1";
      expect((await sql.query(earlier, [midway])).rows).to.deep.equal([{ group_name: name }]);
    });

    it('can be repeated by a former member while it lasts, and by no stranger', async () => {
      const groupId = await newGroup('kept', 1);
      await beginDeletion(groupId);
      expect((await call('DELETE', '/groups', owner, { groupId })).status, 'the trigger stops it').to.equal(503);
      if (auth === 'token') {
        expect((await call('DELETE', '/groups', stranger, { groupId })).code).to.equal('403 not_a_member');
      }
      expect(await countOf(groupId)).to.equal(1);
    });

    it('does not say that nothing was stored when it stops midway', async () => {
      const groupId = await newGroup('a', 1000);
      await people.message(groupId, owner, 'kept');
      expect((await call('DELETE', '/groups', owner, { groupId })).code).to.equal('503 outcome_unknown');
      expect(await countOf(groupId)).to.equal(1);
    });

    it('lets two users whose direct chat is deleted open another at once', async () => {
      const body = { otherUserId: member.id, userId: owner.id };
      const open = async () => (await call('POST', '/direct', owner, body)).body;
      const { group_id: first } = await open();
      await people.message(Number(first), owner, 'kept');
      await beginDeletion(Number(first));
      const second = await open();
      expect(second).to.deep.include({ created: true });
      expect(second.group_id).to.not.equal(first);
    });

    it('ends when the removal works again', async () => {
      await sql.query('DROP TRIGGER stop_removal ON plantao.messages');
      const left = 'SELECT FROM plantao.groups WHERE deleted_at IS NOT NULL';
      await eventually('all are gone', async () => (await sql.query(left)).rowCount === 0);
      expect((await sql.query("SELECT FROM plantao.messages WHERE content = 'kept'")).rowCount).to.equal(0);
    });
  });
}
