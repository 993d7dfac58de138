import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { bearer, get, type JsonObject, request } from '../../../support/network/http.ts';
import { AUDIENCE, ISSUER, JwtIssuer } from '../../../support/network/jwt-issuer.ts';
import { People } from '../../../support/network/people.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

for (const STANDBY_WRITES of ['refuse', 'forward']) {
  describe(`A user with a JWT, with STANDBY_WRITES=${STANDBY_WRITES}`, function () {
    this.timeout(60_000);
    let issuer: JwtIssuer;
    const { database, sql } = useDatabase();
    let nodes: TwoNodes;
    before(async () => {
      issuer = await JwtIssuer.start();
      const jwt = { JWT_JWKS_URL: issuer.url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
      nodes = await startTwoNodes(database.url, { AUTH: 'token', STANDBY_WRITES, ...jwt });
    });
    after(async () => {
      await nodes.stop();
      await issuer.stop();
    });

    const call = (token: string, path: string, { on = nodes.active.url, method = 'GET', body }: CallOptions = {}) =>
      request(method, on + path, { ...bearer(token), ...(body && { body }) });
    interface CallOptions {
      on?: string;
      method?: string;
      body?: JsonObject;
    }
    const tokenOf = (subject: string, claims = {}) =>
      issuer.token(subject, { preferred_username: `${subject}_jwt`, ...claims });

    it('gets one account for concurrent first requests, and works wherever a token does', async () => {
      const token = await tokenOf('ana');
      const responses = await Promise.all(Array.from({ length: 8 }, () => call(token, '/me')));
      expect(new Set(responses.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
      expect(responses[0]?.body).to.include({ username: 'ana_jwt', has_password: false });
      const { id } = responses[0]?.body as { id: number };
      const group = { groupName: 'Com JWT', creatorId: id };
      const { body: made } = await call(token, '/create-chat', { method: 'POST', body: group });
      const message = { groupId: made.group_id, content: 'Olá' };
      expect((await call(token, '/messages', { method: 'POST', body: message })).status).to.equal(200);
      const again = await tokenOf('ana', { preferred_username: 'another name' });
      expect((await call(again, '/me', { on: nodes.standby.url })).body).to.include({ id, username: 'ana_jwt' });
      const { body: page } = await call(again, `/messages?groupId=${made.group_id}`, { on: nodes.standby.url });
      expect((page.messages as JsonObject[]).map(({ sender }) => sender)).to.deep.equal(['ana_jwt']);
    });

    it('is served by a standby if the account exists, and otherwise as a write would be', async () => {
      const token = await tokenOf(`new-${STANDBY_WRITES}`);
      const first = await call(token, '/me', { on: nodes.standby.url });
      if (STANDBY_WRITES === 'forward') expect(first.status).to.equal(200);
      else expect([first.status, first.body.code]).to.deep.equal([503, 'not_active']);
      expect((await call(token, '/me')).status).to.equal(200);
      expect((await call(token, '/me', { on: nodes.standby.url })).status).to.equal(200);
    });

    it('creates the account without revoking the JWT that it was created for', async () => {
      const token = await tokenOf('first');
      const { id } = (await call(token, '/me')).body;
      const poll = (on: string) => call(token, `/subscribe/user?user_id=${id}&timeout=1`, { on });
      const polls = await Promise.all([poll(nodes.active.url), poll(nodes.standby.url)]);
      expect(polls.map(({ status }) => status)).to.deep.equal([204, 204]);
      const evicted = 'SELECT FROM plantao.token_revocations WHERE hash = plantao.identity_hash($1, $2)';
      expect((await sql.query(evicted, [ISSUER, 'first'])).rowCount).to.equal(0);
    });

    it('never enters an account of the same name', async () => {
      const username = People.name('dono');
      const owner = await request('POST', `${nodes.active.url}/register`, {
        body: { username, password: 'correct horse' },
      });
      const { status, body } = await call(await tokenOf('thief', { preferred_username: username }), '/me');
      expect(status).to.equal(200);
      expect(body.id).not.to.equal(owner.body.user_id);
      expect(body.username).to.match(new RegExp(`^${username}-[0-9a-f]{6}$`));
      const logIn = { username: body.username as string, password: '!' };
      expect((await request('POST', `${nodes.active.url}/login`, { body: logIn })).status).to.equal(401);
    });

    it('is refused with the reason, and a huge token without one', async () => {
      const past = Math.floor(Date.now() / 1000) - 60;
      const expired = await call(await tokenOf('ana', { exp: past }), '/me');
      expect([expired.status, expired.body.error]).to.deep.equal([401, 'this JWT is refused: it has expired']);
      expect(expired.headers['www-authenticate']).to.match(/^Bearer/);
      for (const token of ['a.b.c', await tokenOf('ana', { x: 'x'.repeat(7000) }), 'x.'.repeat(3000)]) {
        const { status } = await call(token, '/me');
        expect(status, token.slice(0, 20)).to.equal(401);
      }
    });

    it('is signed out by logging out, by revoking all, and by SQL, on every node within a second', async () => {
      const refused = (token: string) =>
        eventually('every node refuses it', async () => {
          const all = await Promise.all(
            [nodes.active, nodes.standby].map(({ url }) => call(token, '/me', { on: url })),
          );
          return all.every(({ status }) => status === 401);
        });
      const [one, other] = [await tokenOf('rui'), await tokenOf('rui', { jti: 'other' })];
      const { id } = (await call(one, '/me')).body as { id: number };
      for (const { url } of [nodes.active, nodes.standby])
        expect((await call(one, '/me', { on: url })).status).to.equal(200);
      const poll = call(other, `/subscribe/user?user_id=${id}&timeout=30`, { on: nodes.standby.url });
      expect((await call(one, '/logout', { method: 'POST', body: {} })).status).to.equal(200);
      await refused(one);
      expect((await call(other, '/me')).status).to.equal(200);
      await sql.query('SELECT plantao.revoke_tokens($1)', [id]);
      expect((await poll).status).to.equal(401);
      await refused(other);
      await refused(await tokenOf('rui', { iat: Math.floor(Date.now() / 1000) - 60, jti: 'older' }));
      const later = await tokenOf('rui', { iat: Math.floor(Date.now() / 1000) + 2 });
      await eventually('a later one is accepted', async () => (await call(later, '/me')).body.id === id);
    });

    it('does not outlive a sign-out of all devices if the clock of its issuer is ahead, and a new one signs in', async () => {
      const seconds = () => Math.floor(Date.now() / 1000);
      const [ahead, other] = [
        await tokenOf('early', { iat: seconds() + 4 }),
        await tokenOf('early', { iat: seconds() + 4, jti: 'other' }),
      ];
      const { id } = (await call(ahead, '/me')).body as { id: number };
      expect((await call(other, '/me', { on: nodes.standby.url })).body.id).to.equal(id);
      expect((await call(ahead, '/tokens', { method: 'DELETE', body: {} })).status).to.equal(200);
      const refused = async (token: string) =>
        (await Promise.all([nodes.active, nodes.standby].map(({ url }) => call(token, '/me', { on: url })))).every(
          ({ status }) => status === 401,
        );
      for (const token of [ahead, other]) await eventually('every node refuses it', () => refused(token));
      expect((await call(await tokenOf('early', { iat: seconds() + 2 }), '/me')).body.id).to.equal(id);
      for (const token of [ahead, other]) expect(await refused(token), 'later too').to.equal(true);
    });

    it('loses polls and streams when the token expires', async () => {
      const { id } = (await call(await tokenOf('lia'), '/me')).body as { id: number };
      // Clocks may differ by five seconds: the token is valid for about four more.
      const exp = Math.floor(Date.now() / 1000) - 1;
      const token = await tokenOf('lia', { exp });
      const headers = { authorization: `Bearer ${token}` };
      const streamEnd = fetch(`${nodes.active.url}/events`, { headers }).then((stream) =>
        stream.text().catch(() => 'closed'),
      );
      const ended = await call(token, `/subscribe/user?user_id=${id}&timeout=30`, { on: nodes.standby.url });
      expect([ended.status, ended.body.code]).to.deep.equal([401, 'unauthenticated']);
      expect(Date.now() / 1000).to.be.at.least(exp + 5);
      await streamEnd;
      expect((await call(token, '/me')).status).to.equal(401);
    });

    it('deletes the account without a password, and does not get another one by an old token', async () => {
      const token = await tokenOf('breve');
      const { body } = await call(token, '/me');
      const deleted = await call(token, '/delete-account', { method: 'POST', body: {} });
      expect(deleted.status).to.equal(200);
      await eventually('the token is refused', async () => (await call(token, '/me')).status === 401);
      const { rows } = await sql.query("SELECT FROM plantao.identities WHERE subject = 'breve'");
      expect(rows, 'the subject is not kept').to.have.length(0);
      const later = await tokenOf('breve', { iat: Math.floor(Date.now() / 1000) + 2 });
      await eventually('a later token creates another account', async () => {
        const now = await call(later, '/me');
        return now.status === 200 && now.body.id !== body.id;
      });
    });
  });
}

describe('Users with JWTs', function () {
  this.timeout(60_000);
  let issuer: JwtIssuer;
  const { database, sql } = useDatabase();
  let nodes: TwoNodes;
  /** Requests for the keys that get no response. */
  let held: ServerResponse[];
  before(async () => {
    issuer = await JwtIssuer.start();
    held = [];
    issuer.respond = (response) => void held.push(response);
    const jwt = { JWT_JWKS_URL: issuer.url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };
    nodes = await startTwoNodes(database.url, { AUTH: 'token', ...jwt });
  });
  after(async () => {
    await nodes.stop();
    await issuer.stop();
  });

  const statusesOf = (token: string, path = '/me') =>
    Promise.all([nodes.active, nodes.standby].map(async ({ url }) => (await get(url + path, bearer(token))).status));
  const become = (token: string, expected: number) =>
    eventually(
      `every node responds ${expected}`,
      async () => (await statusesOf(token)).every((status) => status === expected),
      { within: 15_000 },
    );

  it('wait for a sign-in service that does not respond, and block no other user; get 503 if it fails, and sign in once it responds', async () => {
    let responses = 0;
    const waiting = Array.from({ length: 20 }, async (_, n) => {
      const statuses = await statusesOf(await issuer.token(`u${n}`));
      responses++;
      return statuses;
    });
    await eventually('both nodes fetch the keys', () => held.length >= 2);
    expect(await statusesOf((await new People(sql).newUser()).token)).to.deep.equal([200, 200]);
    expect(responses).to.equal(0);
    for (const response of held) response.destroy();
    expect(new Set((await Promise.all(waiting)).flat())).to.deep.equal(new Set([503]));
    issuer.respond = (response) => void response.writeHead(500).end();
    const headers = { authorization: `Bearer ${await issuer.token('u1')}` };
    const refused = await get(`${nodes.active.url}/me`, { headers });
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).to.deep.equal([
      503,
      'unavailable',
      '1',
    ]);
    issuer.respond = null;
    await become(await issuer.token('u1'), 200);
  });

  it('stay signed in while the sign-in service fails', async () => {
    issuer.respond = (response) => void response.writeHead(503).end();
    await become(await issuer.token('u1'), 200);
    await become(await issuer.token('u1', { jti: 'another' }), 200);
    issuer.respond = null;
  });

  it('sign in with a new key of the sign-in service, and no longer with one that it has removed', async () => {
    const former = await issuer.token('u1');
    await become(former, 200);
    await issuer.addKey('second', 'RS256');
    issuer.removeKey('first');
    // A token that names an unknown key makes the nodes fetch the keys.
    await become(await issuer.token('u1', {}, 'second'), 200);
    await become(former, 401);
  });
});
