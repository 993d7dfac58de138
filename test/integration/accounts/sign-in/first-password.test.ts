import { expect } from 'chai';
import { codeOf, get, type JsonObject, post } from '../../../support/network/http.ts';
import { People } from '../../../support/network/people.ts';
import { useOneNode } from '../../../support/nodes/one-node.ts';

const PASSWORD = 'correct horse';

describe('The first password of an account (AUTH=open)', function () {
  this.timeout(60_000);
  const { node, sql } = useOneNode({ AUTH: 'open' });

  const logIn = async (username: string, password?: string) => {
    const { status, body } = await post(`${node.url}/login`, { username, password });
    return { status, username, userId: Number(body.user_id), token: String(body.token) };
  };
  const set = (userId: number, token: string | null, more: JsonObject = {}) =>
    post(
      `${node.url}/password`,
      { userId, password: PASSWORD, ...more },
      { headers: token === null ? {} : { authorization: `Bearer ${token}` } },
    );
  const tokensOf = async (userId: number) =>
    (await sql.query('SELECT FROM plantao.tokens WHERE user_id = $1', [userId])).rowCount;

  it('is set without a current one, by a device that is signed in, and ends all other sessions', async () => {
    const username = People.name('ana');
    const own = await logIn(username);
    await logIn(username);
    const { status, body } = await set(own.userId, own.token);
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(await tokensOf(own.userId), 'only the new token is left').to.equal(1);
    expect((await logIn(username)).status, 'the name alone').to.equal(401);
    expect((await logIn(username, 'something else')).status).to.equal(401);
    expect((await logIn(username, PASSWORD)).status).to.equal(200);
    expect((await get(`${node.url}/me?userId=${own.userId}`)).body.has_password).to.equal(true);
  });

  it('needs a token of that very account: a userId alone locks no one out', async () => {
    const [own, other] = [await logIn(People.name('ana')), await logIn(People.name('bruno'))];
    for (const token of [null, 'x'.repeat(43), other.token]) {
      const { status, body } = await set(own.userId, token);
      expect([status, body.code], String(token)).to.deep.equal([401, 'unauthenticated']);
      expect(body.error).to.contain('POST /login returns one');
    }
    await sql.query("UPDATE plantao.tokens SET expires_at = now() - interval '1 s' WHERE user_id = $1", [own.userId]);
    expect(codeOf(await set(own.userId, own.token)), 'expired').to.deep.equal([401, 'unauthenticated']);
    expect((await logIn(own.username)).status).to.equal(200);
  });

  it('is set once: afterwards the current one is required, and the former token is refused', async () => {
    const own = await logIn(People.name('ana'));
    const both = await Promise.all([set(own.userId, own.token), set(own.userId, own.token)]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 401]);
    const token = String(both.find(({ status }) => status === 200)?.body.token);
    expect(codeOf(await set(own.userId, token))).to.deep.equal([401, 'unauthenticated']);
    expect(codeOf(await set(own.userId, token, { oldPassword: 'wrong one' }))).to.deep.equal([401, 'unauthenticated']);
    const change = { oldPassword: PASSWORD, password: 'battery staple' };
    expect((await set(own.userId, token, change)).status).to.equal(200);
  });

  it('is refused if the account accepts none, because it was deleted or its user signs in with JWTs', async () => {
    const own = await logIn(People.name('ana'));
    await sql.query("UPDATE plantao.users SET password_hash = '!' WHERE id = $1", [own.userId]);
    expect(codeOf(await set(own.userId, own.token))).to.deep.equal([403, 'forbidden']);
    const gone = await logIn(People.name('carla'));
    await post(`${node.url}/delete-account`, { userId: gone.userId });
    expect(codeOf(await set(gone.userId, gone.token))).to.deep.equal([404, 'user_not_found']);
  });
});
