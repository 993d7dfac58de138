import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { bearer, del, get, type HttpResponse, type JsonObject, post } from '../../../support/network/http.ts';
import { waitersOf } from '../../../support/network/metrics.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const ADMIN_TOKEN = 'the-administrators-own-token';

/** A database, two nodes on it, and a session to inspect it. */
class Place {
  readonly #used = useDatabase();
  readonly database = this.#used.database;
  readonly sql = this.#used.sql;
  nodes!: TwoNodes;

  async open(env: Record<string, string>): Promise<void> {
    this.nodes = await startTwoNodes(this.database.url, env);
  }

  async close(): Promise<void> {
    await this.nodes?.stop();
  }

  post(path: string, body?: unknown, call?: Parameters<typeof post>[2]): Promise<HttpResponse<JsonObject>> {
    return post(`${this.nodes.active.url}${path}`, body, call);
  }

  /** Creates an account and a token directly in the database. */
  async newUser(username: string) {
    const token = randomBytes(32).toString('base64url');
    const { rows } = await this.sql.query(
      `WITH one AS (INSERT INTO plantao.users (username) VALUES ($1) RETURNING id)
       SELECT id, plantao.issue_token(id, sha256(convert_to($2, 'UTF8')), '1 hour', 100) FROM one`,
      [username, token],
    );
    return { username, userId: Number(rows[0].id), token };
  }

  /** Returns whether the active node and the standby accept this token. */
  async isGood(token: unknown, userId: unknown): Promise<boolean[]> {
    const nodes = [this.nodes.active, this.nodes.standby];
    const responses = await Promise.all(nodes.map(({ url }) => get(`${url}/chats?userId=${userId}`, bearer(token))));
    for (const { status } of responses) expect([200, 401]).to.include(status);
    return responses.map(({ status }) => status === 200);
  }
}

let names = 0;
const newName = () => `ana_${++names}`;

describe('Signing in with AUTH=token', function () {
  this.timeout(60_000);
  const place = new Place();
  before(() => place.open({ AUTH: 'token', ADMIN_TOKEN, SIGN_IN_TRIES: '4', SIGN_IN_TRIES_OF_ADDRESS: '1000' }));
  after(() => place.close());

  async function register() {
    const username = newName();
    const { status, body } = await place.post('/register', { username, password: 'correct horse' });
    expect(status, JSON.stringify(body)).to.equal(201);
    return { username, userId: body.user_id, token: body.token };
  }

  /** Returns a signed-in user, without the time that a password takes. */
  const newUser = () => place.newUser(newName());

  it('issues a token that every node accepts at once, and stores neither token nor password', async () => {
    const { username, userId, token } = await register();
    expect(token).to.match(/^[\w-]{43}$/);
    expect(await place.isGood(token, userId)).to.deep.equal([true, true]);
    const { rows } = await place.sql.query(
      `SELECT u.password_hash, t.hash = sha256(convert_to($2, 'UTF8')) AS is_sha256, round(extract(epoch FROM t.expires_at - t.created_at) / 3600)::int AS hours,
              to_jsonb(t)::text AS row
       FROM plantao.users u JOIN plantao.tokens t ON t.user_id = u.id WHERE u.username = $1`,
      [username, token],
    );
    expect(rows).to.have.length(1);
    expect(rows[0].password_hash).to.match(/^\$scrypt\$ln=14,r=8,p=5\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(rows[0].is_sha256).to.equal(true);
    expect(rows[0].hours).to.equal(720);
    expect(rows[0].row).to.not.include(token);
  });

  it('requires the right password; a name is not enough', async () => {
    const { username, userId } = await register();
    const right = await place.post('/login', { username, password: 'correct horse' });
    expect([right.status, right.body.user_id, right.body.created]).to.deep.equal([200, userId, false]);
    expect(await place.isGood(right.body.token, userId)).to.deep.equal([true, true]);
    const wrong = await place.post('/login', { username, password: 'battery staple' });
    expect([wrong.status, wrong.body.code]).to.deep.equal([401, 'unauthenticated']);
    expect(wrong.headers['www-authenticate']).to.match(/^Bearer/);
    expect((await place.post('/login', { username })).status).to.equal(400);
    const short = await place.post('/login', { username, password: 'horse' });
    expect([short.status, short.body.code]).to.deep.equal([401, 'unauthenticated']);
    expect((await place.post('/register', { username: newName(), password: 'horse' })).status).to.equal(400);
  });

  it('accepts both Unicode encodings of the same name and password', async () => {
    const username = `José_${newName()}`;
    await place.post('/register', { username, password: 'pão de queijo' });
    const typed = { username: username.normalize('NFD').toUpperCase(), password: 'pão de queijo'.normalize('NFD') };
    expect((await place.post('/login', typed)).status).to.equal(200);
    const again = await place.post('/register', { username: username.normalize('NFD'), password: 'another one' });
    expect([again.status, again.body.code]).to.deep.equal([409, 'username_taken']);
  });

  it('creates no account for an unknown name: same response and same work as for a wrong password', async () => {
    const { username } = await register();
    const ask = async (name: string) => {
      const response = await place.post('/login', { username: name, password: 'a wrong guess' });
      expect(response.status).to.equal(401);
      return response;
    };
    const [known, unknown] = [await ask(username), await ask(newName())];
    expect(unknown.text).to.equal(known.text);
    expect(Object.keys(unknown.headers)).to.deep.equal(Object.keys(known.headers));
    const { rows } = await place.sql.query('SELECT count(*)::int AS n FROM plantao.users WHERE username LIKE $1', [
      `ana_${names}`,
    ]);
    expect(rows[0].n).to.equal(0);
    // Measured as CPU time of this process, which runs the nodes: wall-clock time would depend on the load of the machine.
    const workOf = async (name: string) => {
      const before = process.cpuUsage();
      await ask(name);
      return process.cpuUsage(before).user / 1000;
    };
    const [ofKnown, ofUnknown]: [number[], number[]] = [[], []];
    for (let times = 0; times < 3; times++) {
      ofKnown.push(await workOf(username));
      ofUnknown.push(await workOf(newName()));
    }
    const [least, leastUnknown] = [Math.min(...ofKnown), Math.min(...ofUnknown)];
    expect(Math.abs(least - leastUnknown), `${least} against ${leastUnknown} ms`).to.be.below(least / 2);
  });

  it('refuses an account without a password, and its name cannot be registered again', async () => {
    const username = newName();
    await place.sql.query('INSERT INTO plantao.users (username) VALUES ($1)', [username]);
    const credentials = { username, password: 'first come' };
    expect((await place.post('/login', credentials)).status).to.equal(401);
    expect((await place.post('/register', credentials)).status).to.equal(409);
  });

  it("lets the administrator set a password, which revokes the account's tokens", async () => {
    const { username, userId, token } = await register();
    const credentials = { username, password: 'another password' };
    const notTheirs = await place.post('/register', credentials, bearer(token));
    expect(notTheirs.status).to.equal(409);
    const changed = await place.post('/register', credentials, bearer(ADMIN_TOKEN));
    expect([changed.status, changed.body.message, changed.body.user_id]).to.deep.equal([
      200,
      'password changed',
      userId,
    ]);
    await eventually('the old token is refused', async () => !(await place.isGood(token, userId)).includes(true));
    expect((await place.post('/login', { username, password: 'correct horse' })).status).to.equal(401);
    expect((await place.post('/login', credentials)).status).to.equal(200);
  });

  it('is served by the active node only', async () => {
    for (const [path, body] of [
      ['/login', { username: 'ana', password: 'correct horse' }],
      ['/register', { username: 'ana', password: 'correct horse' }],
    ] as const) {
      const { status, body: refusal } = await post(`${place.nodes.standby.url}${path}`, body);
      expect([status, refusal.code]).to.deep.equal([503, 'not_active']);
    }
  });

  it('limits the guessing of a password; a right one resets the count', async () => {
    const { username } = await register();
    const guess = (password: string) => place.post('/login', { username, password });
    for (let tries = 0; tries < 3; tries++) expect((await guess('wrong guess')).status).to.equal(401);
    expect((await guess('correct horse')).status).to.equal(200);
    const atOnce = await Promise.all(Array.from({ length: 12 }, (_, at) => guess(`wrong guess ${at}`)));
    const count = (status: number) => atOnce.filter((response) => response.status === status).length;
    expect([count(401), count(429)]).to.deep.equal([4, 8]);
    const refused = await guess('correct horse');
    expect([refused.status, refused.body.code]).to.deep.equal([429, 'too_many_requests']);
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 900);
  });

  it('signs a user in while another client of the same address signs in without pause', async () => {
    const [flooder, ana] = [await register(), await register()];
    const logIn = ({ username }: { username: string }) =>
      place.post('/login', { username, password: 'correct horse' }, { deadline: 30_000 });
    let done = 0;
    const flood = Array.from({ length: 12 }, async () => {
      const { status } = await logIn(flooder);
      if (status === 200) done++;
      return status;
    });
    const { status } = await logIn(ana);
    expect(status).to.equal(200);
    expect(done).to.be.below(5);
    // On a busy machine, requests that wait longer than ten seconds are refused.
    expect([200, 503]).to.include.members(await Promise.all(flood));
    // Right passwords are not counted.
    expect((await logIn(flooder)).status).to.equal(200);
  });

  describe('and out', () => {
    it('revokes the token on every node within a second', async () => {
      const { userId, token } = await newUser();
      expect(await place.isGood(token, userId)).to.deep.equal([true, true]);
      expect((await place.post('/logout', undefined, bearer(token))).status).to.equal(200);
      await eventually('it is refused everywhere', async () => !(await place.isGood(token, userId)).includes(true), {
        within: 1000,
      });
      expect((await place.post('/logout', undefined, bearer(token))).status).to.equal(401);
    });

    it('revokes all tokens of a user, and no other', async () => {
      const [ana, bruno] = [await newUser(), await newUser()];
      const other = randomBytes(32).toString('base64url');
      await place.sql.query("SELECT plantao.issue_token($1, sha256(convert_to($2, 'UTF8')), '1 hour', 100)", [
        ana.userId,
        other,
      ]);
      const refused = await del(
        `${place.nodes.active.url}/tokens?userId=${ana.userId}`,
        undefined,
        bearer(bruno.token),
      );
      expect(refused.status).to.equal(403);
      const response = await del(`${place.nodes.active.url}/tokens`, undefined, bearer(other));
      expect(response.body).to.deep.equal({ message: 'tokens revoked', user_id: ana.userId, revoked: 2 });
      for (const token of [ana.token, other]) {
        await eventually('it is refused', async () => !(await place.isGood(token, ana.userId)).includes(true), {
          within: 1000,
        });
      }
      expect(await place.isGood(bruno.token, bruno.userId)).to.deep.equal([true, true]);
    });

    it("lets the administrator revoke any user's tokens", async () => {
      const { userId, token } = await newUser();
      const url = `${place.nodes.active.url}/tokens`;
      expect((await del(url, undefined, bearer(ADMIN_TOKEN))).status).to.equal(400);
      expect((await del(url, { userId }, bearer(ADMIN_TOKEN))).body.revoked).to.equal(1);
      await eventually('it is refused', async () => !(await place.isGood(token, userId)).includes(true));
    });

    it('notices within a second a token that a DBA deletes or lets expire', async () => {
      for (const statement of [
        'DELETE FROM plantao.tokens WHERE user_id = $1',
        'UPDATE plantao.tokens SET expires_at = now() WHERE user_id = $1',
      ]) {
        const { userId, token } = await newUser();
        expect(await place.isGood(token, userId)).to.deep.equal([true, true]);
        await place.sql.query(statement, [userId]);
        await eventually(
          `it is refused after ${statement}`,
          async () => !(await place.isGood(token, userId)).includes(true),
          {
            within: 1000,
          },
        );
      }
    });

    it('reads a revocation without NOTIFY, and one that commits late', async () => {
      const { userId, token } = await newUser();
      expect(await place.isGood(token, userId)).to.deep.equal([true, true]);
      const other = new pg.Client({ connectionString: place.database.url });
      await other.connect();
      try {
        // Without NOTIFY, only the periodic read finds it.
        await place.sql.query('ALTER TABLE plantao.tokens DISABLE TRIGGER log_removed');
        await other.query('BEGIN');
        await other.query(
          'WITH gone AS (DELETE FROM plantao.tokens WHERE user_id = $1 RETURNING hash) INSERT INTO plantao.token_revocations (hash) SELECT hash FROM gone',
          [userId],
        );
        // Later transactions are read meanwhile, so this one commits behind them.
        for (let more = 0; more < 3; more++) await place.isGood((await newUser()).token, userId).catch(() => {});
        await other.query('COMMIT');
        await eventually('it is refused', async () => !(await place.isGood(token, userId)).includes(true), {
          within: 1000,
        });
      } finally {
        await other.end();
        await place.sql.query('ALTER TABLE plantao.tokens ENABLE TRIGGER log_removed');
      }
    });

    it('ends long polls with their token, on the active node and on the standby', async () => {
      for (const node of [place.nodes.active, place.nodes.standby]) {
        const { userId, token } = await newUser();
        const waitersBefore = await waitersOf(node.url);
        const polls = [
          get(`${node.url}/subscribe/user?user_id=${userId}&timeout=30`, { ...bearer(token), deadline: 20_000 }),
          get(`${node.url}/subscribe/status?timeout=30`, { ...bearer(token), deadline: 20_000 }),
        ];
        await eventually('both wait', async () => (await waitersOf(node.url)) === waitersBefore + 2);
        const revokedAt = performance.now();
        await place.post('/logout', undefined, bearer(token));
        for (const poll of await Promise.all(polls)) {
          expect([poll.status, poll.body.code]).to.deep.equal([401, 'unauthenticated']);
        }
        expect(performance.now() - revokedAt).to.be.below(1500);
        await eventually('no poll waits any more', async () => (await waitersOf(node.url)) === waitersBefore);
      }
    });

    it('ends a long poll when its token expires', async () => {
      const { userId, token } = await newUser();
      await place.sql.query(
        "UPDATE plantao.tokens SET expires_at = clock_timestamp() + interval '1.5 s' WHERE user_id = $1",
        [userId],
      );
      const poll = await get(`${place.nodes.active.url}/subscribe/user?user_id=${userId}&timeout=30`, {
        ...bearer(token),
        deadline: 20_000,
      });
      expect(poll.status).to.equal(401);
      expect(poll.ms).to.be.within(1000, 5000);
    });

    it('keeps a hundred tokens of a user and revokes the oldest', async () => {
      const { userId, token } = await newUser();
      expect(await place.isGood(token, userId)).to.deep.equal([true, true]);
      await place.sql.query(
        "SELECT plantao.issue_token($1, sha256(convert_to(n::text, 'UTF8')), '1 hour', 100) FROM generate_series(1, 100) n",
        [userId],
      );
      await eventually('the first is refused', async () => !(await place.isGood(token, userId)).includes(true));
      const { rows } = await place.sql.query('SELECT count(*)::int AS n FROM plantao.tokens WHERE user_id = $1', [
        userId,
      ]);
      expect(rows[0].n).to.equal(100);
    });
  });

  it('counts wrong passwords for the whole cluster: a new active node continues the count', async () => {
    const { username } = await register();
    const { active, standby } = place.nodes;
    for (let tries = 0; tries < 4; tries++) await place.post('/login', { username, password: 'wrong guess' });
    const handOver = async (from: string, to: string) => {
      expect((await post(`${from}/switchover`, {}, bearer(ADMIN_TOKEN))).status).to.equal(200);
      await eventually('the other is active', async () => (await get(`${to}/health`)).body.active === true, {
        within: 20_000,
      });
    };
    await handOver(active.url, standby.url);
    const refused = await post(`${standby.url}/login`, { username, password: 'correct horse' });
    await handOver(standby.url, active.url);
    expect(refused.status).to.equal(429);
  });
});

describe('Signing in from many addresses', function () {
  this.timeout(60_000);
  const place = new Place();
  before(() => place.open({ AUTH: 'token', SIGN_IN_TRIES: '2', TRUST_PROXY: 'loopback' }));
  after(() => place.close());

  const from = (address: string, more: Record<string, string> = {}) => ({
    headers: { 'x-forwarded-for': address, ...more },
  });

  it('admits the owner after a stranger has used up the guesses, even when many have', async () => {
    const username = newName();
    const logIn = (password: string, call: ReturnType<typeof from>) =>
      place.post('/login', { username, password }, call);
    const { body } = await place.post('/register', { username, password: 'correct horse' }, from('198.51.100.1'));
    const guesses: number[] = [];
    for (let tries = 0; tries < 4; tries++) {
      guesses.push((await logIn('wrong guess', from('203.0.113.1'))).status);
    }
    expect(guesses).to.deep.equal([401, 401, 429, 429]);
    expect((await logIn('correct horse', from('198.51.100.77'))).status).to.equal(200);
    // Twenty wrong passwords from everywhere: only addresses that the owner never used are limited.
    await place.sql.query("UPDATE plantao.sign_in_attempts SET points = 20 WHERE key = 'account:' || $1", [
      body.user_id,
    ]);
    const unknown = await logIn('correct horse', from('198.51.100.78'));
    expect([unknown.status, unknown.body.error]).to.deep.equal([
      429,
      'too many wrong passwords for this account: try again later',
    ]);
    expect(Number(unknown.headers['retry-after'])).to.be.within(880, 900);
    expect((await logIn('correct horse', from('198.51.100.1'))).status).to.equal(200);
    expect((await logIn('correct horse', from('198.51.100.77'))).status).to.equal(200);
    const device = { authorization: `Bearer ${body.token}` };
    expect((await logIn('correct horse', from('198.51.100.78', device))).status).to.equal(200);
  });

  it('counts a whole IPv6 /64 network as one client, and ignores an invalid address', async () => {
    const { username } = await place.newUser(newName());
    const guess = async (address: string) =>
      (await place.post('/login', { username, password: 'a wrong guess' }, from(address))).status;
    expect([await guess('2001:db8:1:2::1'), await guess('2001:db8:1:2:ffff::9')]).to.deep.equal([401, 401]);
    expect(await guess('2001:db8:1:2:3:4:5:6')).to.equal(429);
    expect(await guess('2001:db8:1:3::1')).to.equal(401);
    expect([await guess('x'.repeat(400)), await guess('not an address')]).to.deep.equal([401, 401]);
    expect(await guess('y'.repeat(400))).to.equal(429);
  });
});

describe('Signing in with AUTH=open', function () {
  this.timeout(60_000);
  const place = new Place();
  before(() => place.open({ AUTH: 'open', SIGN_IN_TRIES: '3' }));
  after(() => place.close());

  it('requires only a name, creates unknown accounts, and returns a token', async () => {
    const username = newName();
    const first = await place.post('/login', { username });
    expect([first.status, first.body.created, first.body.username]).to.deep.equal([200, true, username]);
    expect(first.body.token).to.match(/^[\w-]{43}$/);
    const second = await place.post('/login', { username: `  ${username} ` });
    expect([second.status, second.body.created, second.body.user_id]).to.deep.equal([200, false, first.body.user_id]);
    expect(second.body.token).to.not.equal(first.body.token);
  });

  it('creates one account for many concurrent requests', async () => {
    const username = newName();
    const all = await Promise.all(Array.from({ length: 10 }, () => place.post('/login', { username })));
    expect(new Set(all.map(({ body }) => body.user_id)).size).to.equal(1);
    expect(all.filter(({ body }) => body.created).length).to.equal(1);
  });

  it('requires the password of an account that has one, and limits guessing', async () => {
    const username = newName();
    expect((await place.post('/login', { username, password: 'correct horse' })).body.created).to.equal(true);
    const nameOnly = await place.post('/login', { username });
    expect([nameOnly.status, nameOnly.body.code]).to.deep.equal([401, 'unauthenticated']);
    expect((await place.post('/login', { username, password: 'correct horse' })).status).to.equal(200);
    const statuses: number[] = [];
    for (const password of ['wrong guess', 'short', 'wrong guess', 'wrong guess']) {
      statuses.push((await place.post('/login', { username, password })).status);
    }
    expect(statuses).to.deep.equal([401, 401, 401, 429]);
  });

  it('creates no account with a password that is too short', async () => {
    const { status, body } = await place.post('/login', { username: newName(), password: 'short' });
    expect([status, body.error]).to.deep.equal([400, 'password: must have 8 characters or more']);
  });

  it('stores nothing for a JWT that a client signs out with: it is not verified', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const madeUp = (claims: object) => `${part({ alg: 'RS256' })}.${part(claims)}.${part({})}`;
    for (const token of ['a.b.c', madeUp({ exp: 250_000_000_000 }), madeUp({ exp: 'abc' }), madeUp({ exp: -5e9 })]) {
      expect((await place.post('/logout', undefined, bearer(token))).status, token).to.equal(200);
    }
    const { rows } = await place.sql.query('SELECT 1 FROM plantao.revoked_jwts');
    expect(rows).to.have.length(0);
  });

  it('requires no token, accepts any, and allows logging out', async () => {
    const { body } = await place.post('/login', { username: newName() });
    expect((await get(`${place.nodes.standby.url}/chats?userId=${body.user_id}`)).status).to.equal(200);
    expect((await get(`${place.nodes.active.url}/chats?userId=${body.user_id}`, bearer('x'))).status).to.equal(200);
    expect((await place.post('/logout', undefined, bearer(body.token))).status).to.equal(200);
    expect((await place.post('/logout')).status).to.equal(200);
    const { rows } = await place.sql.query('SELECT 1 FROM plantao.tokens WHERE user_id = $1', [body.user_id]);
    expect(rows).to.have.length(0);
  });
});
