import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject } from '../../../support/network/http.ts';
import { asUser, People, type Person } from '../../../support/network/people.ts';
import { useOneNode } from '../../../support/nodes/one-node.ts';

describe('Polls by the name of a group', function () {
  this.timeout(60_000);
  const { node, sql, people } = useOneNode({ AUTH: 'token' });
  let member: Person;
  let stranger: Person;
  before(async () => {
    [member, stranger] = [await people.newUser(), await people.newUser()];
    // The session that catches up is then open before the first test.
    await exceedMemory(await cursorOf(member));
  });

  const cursorOf = async (who: Person) => (await get(`${node.url}/sync`, asUser(who))).body.cursor;
  const poll = async (who: Person, name: string, cursor: unknown, timeout: number) => {
    const path = `/subscribe/status?group=${name}&cursor=${cursor}&timeout=${timeout}`;
    const { status, body } = await get(node.url + path, asUser(who));
    return status === 204 ? 'nothing' : (body.events as JsonObject[]).map(({ kind }) => kind);
  };
  /** Appends more events than a node keeps in memory, and waits until it reads those after the cursor from the database. */
  const exceedMemory = async (cursor: unknown) => {
    const { rows } = await sql.query('SELECT clock_timestamp()::text AS now');
    const noise = await people.group(People.name('noise'), [stranger]);
    const fill =
      "INSERT INTO plantao.messages (group_id, sender_id, content) SELECT $1, $2, 'x' FROM generate_series(1, 21000)";
    await sql.query(fill, [noise, stranger.id]);
    const reads = `SELECT FROM pg_stat_activity WHERE datname = current_database()
      AND application_name LIKE '%:catchup' AND query_start > $1::timestamptz`;
    await eventually('the node reads the database', async () => {
      await poll(stranger, 'silent', cursor, 0);
      return (await sql.query(reads, [rows[0].now])).rowCount;
    });
  };
  it("receive the events from before a rename under the group's former name, from memory and from the database", async () => {
    const name = People.name('sala');
    const groupId = await people.group(name, [member]);
    const cursor = await cursorOf(member);
    const send = (content: string) =>
      sql.query('INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, $3)', [
        ...[groupId, member.id, content],
      ]);
    const rename = (to: string) => sql.query('UPDATE plantao.groups SET name = $2 WHERE id = $1', [groupId, to]);
    await sql.query('BEGIN');
    await send('first');
    await rename(`${name}2`);
    await send('second');
    await rename(`${name}3`);
    await send('third');
    // The node reads everything at once.
    await sql.query('COMMIT');
    const received = {
      [name]: ['message', 'group_changed'],
      [`${name}2`]: ['group_changed', 'message', 'group_changed'],
      [`${name}3`]: ['group_changed', 'message'],
    };
    for (const where of ['from memory', 'from the database']) {
      for (const [by, kinds] of Object.entries(received)) {
        expect(await poll(member, by, cursor, 20), `${by} ${where}`).to.deep.equal(kinds);
        expect(await poll(stranger, by, cursor, 0), `${by} of a stranger, ${where}`).to.equal('nothing');
      }
      await exceedMemory(cursor);
    }
  });

  /** Changes after which no group has the name, with the event of each. */
  const CHANGES: [what: string, kind: string, sql: string][] = [
    ['deleted', 'group_deleted', 'DELETE FROM plantao.groups WHERE id = $1'],
    ['deleted in steps', 'group_deleted', 'SELECT plantao.delete_group($1)'],
    ['renamed', 'group_changed', "UPDATE plantao.groups SET name = name || ' new' WHERE id = $1"],
  ];
  for (const [what, kind, change] of CHANGES) {
    it(`report that it was ${what}, live and by cursor, but not to strangers`, async () => {
      const name = People.name('sala');
      const groupId = await people.group(name, [member]);
      const cursor = await cursorOf(member);
      const live = poll(member, name, cursor, 20);
      await eventually('the poll waits', async () => {
        const { body } = await get(`${node.url}/groups`, asUser(member));
        return (body.active_groups as string[]).includes(name);
      });
      await sql.query(change, [groupId]);
      expect((await live)[0]).to.equal(kind);
      expect((await poll(member, name, cursor, 20))[0], 'from memory').to.equal(kind);
      expect(await poll(stranger, name, cursor, 0), 'of a stranger').to.equal('nothing');
      await exceedMemory(cursor);
      expect((await poll(member, name, cursor, 20))[0], 'from the database').to.equal(kind);
      expect(await poll(stranger, name, cursor, 0), 'of a stranger, from the database').to.equal('nothing');
    });
  }
});
