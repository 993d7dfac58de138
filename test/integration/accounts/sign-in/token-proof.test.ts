import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { bearer, get, post } from '../../../support/network/http.ts';
import { People } from '../../../support/network/people.ts';
import { untilActive } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('A token in a database that nodes of both AUTH modes serve', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let open: LocalNode;
  let guarded: LocalNode;

  before(async () => {
    const start = async (NODE_NAME: string, AUTH: string) => {
      const node = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), NODE_NAME, AUTH });
      await node.start();
      return node;
    };
    open = await start('node-open', 'open');
    await untilActive(open);
    guarded = await start('node-guarded', 'token');
  });
  after(async () => {
    await guarded?.stop();
    await open?.stop();
  });

  const logIn = async (username: string, password?: string) => {
    const { status, body } = await post(`${open.url}/login`, { username, password });
    expect(status, JSON.stringify(body)).to.equal(200);
    return { token: String(body.token), userId: Number(body.user_id) };
  };
  const statusOf = async ({ token, userId }: { token: string; userId: number }) => {
    const call = bearer(token);
    return (await get(`${guarded.url}/chats?userId=${userId}`, call)).status;
  };
  const untilRefused = (who: { token: string; userId: number }) =>
    eventually('AUTH=token refuses it', async () => (await statusOf(who)) === 401, { within: 1500 });
  const setPassword = (userId: number, hash: string | null) =>
    sql.query('UPDATE plantao.users SET password_hash = $2 WHERE id = $1', [userId, hash]);

  it('is refused with AUTH=token if AUTH=open issued it for a name, also on a repeated login', async () => {
    const username = People.name();
    const byName = await logIn(username);
    expect(await statusOf(byName)).to.equal(401);
    expect(await statusOf(byName)).to.equal(401);
    // A password that was not checked proves nothing.
    expect(await statusOf(await logIn(username, 'any password at all'))).to.equal(401);
  });

  it('is accepted with AUTH=token if AUTH=open issued it for a password', async () => {
    const username = People.name();
    expect(await statusOf(await logIn(username, 'correct horse'))).to.equal(200);
    expect(await statusOf(await logIn(username, 'correct horse'))).to.equal(200);
  });

  it('is revoked when its account gets a password', async () => {
    const byName = await logIn(People.name());
    await setPassword(byName.userId, 'any');
    expect(await statusOf(byName)).to.equal(401);
    const { rows } = await sql.query('SELECT FROM plantao.tokens WHERE user_id = $1', [byName.userId]);
    expect(rows).to.have.length(0);
  });

  it("is revoked when a DBA changes or removes its account's password", async () => {
    for (const hash of ['another', null]) {
      const byPassword = await logIn(People.name(), 'correct horse');
      expect(await statusOf(byPassword)).to.equal(200);
      await setPassword(byPassword.userId, hash);
      await untilRefused(byPassword);
    }
  });

  it('is accepted if a DBA inserts it, until a DBA marks it as unproved', async () => {
    const { userId } = await logIn(People.name());
    const token = randomBytes(32).toString('base64url');
    await sql.query(
      "INSERT INTO plantao.tokens (hash, user_id, expires_at) VALUES (sha256(convert_to($1, 'UTF8')), $2, now() + interval '1 hour')",
      [token, userId],
    );
    expect(await statusOf({ token, userId })).to.equal(200);
    await sql.query("UPDATE plantao.tokens SET proof = 'name' WHERE user_id = $1", [userId]);
    await untilRefused({ token, userId });
  });
});
