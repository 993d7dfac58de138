import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { People, type Person } from '../../../support/network/people.ts';
import { RawClient } from '../../../support/network/raw-client.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';

/** Ways in which a token ends while a request that has it is being received. */
const ENDINGS: Record<string, { text: string; of: (person: Person) => unknown }> = {
  'is revoked': { text: 'DELETE FROM plantao.tokens WHERE user_id = $1', of: ({ id }) => id },
  expires: { text: 'UPDATE plantao.tokens SET expires_at = clock_timestamp() WHERE user_id = $1', of: ({ id }) => id },
  'belongs to an account that is deleted': {
    text: "SELECT plantao.erase_user($1, 'anonymise')",
    of: ({ id }) => id,
  },
};

describe('A request whose body is still arriving when its token ends', () => {
  const nodes = useTwoNodes({ AUTH: 'token', STANDBY_WRITES: 'forward' });
  const { sql } = nodes;
  const people = new People(sql);

  const bearer = ({ token }: Person) => `Bearer ${token}`;
  const statusOf = async (url: string, person: Person) =>
    (await get(`${url}/users`, { headers: { authorization: bearer(person) } })).status;

  /** Sends all but the last byte; returns how to send that one. */
  async function beginPost(url: string, person: Person, path: string, body: unknown) {
    const client = await RawClient.open(url);
    const text = JSON.stringify(body);
    const head = `Host: localhost\r\nAuthorization: ${bearer(person)}\r\nContent-Type: application/json\r\n`;
    client.send(`POST ${path} HTTP/1.1\r\n${head}Content-Length: ${text.length}\r\n\r\n${text.slice(0, -1)}`);
    return {
      finish: async () => {
        client.send(text.slice(-1));
        await eventually('it has a response', () => client.statuses.length > 0);
        client.destroy();
        return client.statuses;
      },
    };
  }

  for (const [how, { text, of }] of Object.entries(ENDINGS)) {
    for (const role of ['active', 'standby'] as const) {
      it(`gets 401 and stores nothing if it ${how}, from the ${role}`, async () => {
        const { url } = nodes[role];
        const [person, friend] = [await people.newUser(), await people.newUser()];
        const groupId = await people.group(People.name('group'), [person, friend]);
        expect(await statusOf(url, person)).to.equal(200);
        const message = { userId: person.id, groupId, content: 'sent too late' };
        const chat = { groupName: 'made too late', creatorId: person.id, members: [] };
        const begun = await Promise.all([
          beginPost(url, person, '/messages', message),
          beginPost(url, person, '/create-chat', chat),
        ]);
        // The node has seen their headers: it responds to a later request of its own.
        expect(await statusOf(url, person)).to.equal(200);
        await sql.query(text, [of(person)]);
        for (const node of [nodes.active, nodes.standby]) {
          await eventually('the node refuses the token', async () => (await statusOf(node.url, person)) === 401);
        }
        for (const { finish } of begun) expect(await finish()).to.deep.equal([401]);
        const { rows } = await sql.query(
          `SELECT (SELECT count(*) FROM plantao.messages WHERE content = 'sent too late')
                + (SELECT count(*) FROM plantao.groups WHERE name = 'made too late') AS found`,
        );
        expect(rows).to.deep.equal([{ found: 0 }]);
      });
    }
  }

  it('is handled if the token is still valid', async () => {
    const person = await people.newUser();
    const chat = { groupName: 'in time', creatorId: person.id, members: [] };
    const { finish } = await beginPost(nodes.active.url, person, '/create-chat', chat);
    expect(await finish()).to.deep.equal([200]);
  });
});
