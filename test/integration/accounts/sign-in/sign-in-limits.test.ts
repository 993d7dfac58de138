import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { type CountedAttempt, SignInLimits } from '../../../../src/chat/auth/sign-in-limits.ts';
import { RateLimitedError } from '../../../../src/chat/errors.ts';
import { openSequelize } from '../../../../src/database/pool/sequelize.ts';
import { eventually } from '../../../support/eventually.ts';
import { People } from '../../../support/network/people.ts';
import { lockWaits } from '../../../support/postgres/lock-waits.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const POOL_SIZE = 3;
const [HOME, AWAY] = ['198.51.100.1', '203.0.113.1'];
let networks = 0;
const elsewhere = () => `10.0.${networks >> 8}.${networks++ & 255}`;

describe('The sign-in limits', () => {
  const { database, sql } = useDatabase();
  let sequelize: Sequelize;
  let logged: string[];
  let limits: SignInLimits;

  before(async () => {
    sequelize = openSequelize(database.url, 'limits-test', POOL_SIZE);
    // Opens the whole pool now: a connection that is opened within a test would count as a leak.
    await Promise.all(Array.from({ length: POOL_SIZE }, () => sequelize.query('SELECT pg_sleep(0.1)')));
  });
  after(async () => {
    await sequelize?.close();
  });
  beforeEach(async () => {
    await sql.query('DELETE FROM plantao.sign_in_attempts');
    await sql.query('DELETE FROM plantao.known_networks');
    logged = [];
    limits = newLimits();
  });

  function newLimits(): SignInLimits {
    const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
    return new SignInLimits(sequelize, log, { ofAccount: 3, ofAddress: 5, registrations: 2 });
  }

  async function account(): Promise<number> {
    const { rows } = await sql.query('INSERT INTO plantao.users (username) VALUES ($1) RETURNING id', [People.name()]);
    return Number(rows[0].id);
  }
  const tokenHashOf = async (userId: number, proof = 'password') => {
    const hash = randomBytes(32);
    await sql.query(
      "INSERT INTO plantao.tokens (hash, user_id, expires_at, proof) VALUES ($1, $2, now() + interval '1 hour', $3)",
      [hash, userId, proof],
    );
    return hash.toString('hex');
  };
  const guess = (userId: number | null, network: string, more: { tokenHash?: string; nameKey?: string } = {}) =>
    limits.countAttempt({ userId, nameKey: 'x', network, tokenHash: null, ...more });
  /** Returns null if the attempt was allowed, otherwise the error. */
  const refusalOf = (tried: Promise<CountedAttempt | undefined> | Promise<unknown>): Promise<RateLimitedError | null> =>
    tried.then(
      () => null,
      (error) => (error instanceof RateLimitedError ? error : Promise.reject(error)),
    );
  const wrong = async (times: number, userId: number | null, network: () => string) => {
    for (let at = 0; at < times; at++) await refusalOf(guess(userId, network()));
  };
  const right = async (userId: number, network: string) => (await guess(userId, network)).succeeded();

  it('lock out the guessing network, and neither the owner nor other clients', async () => {
    const ana = await account();
    await wrong(20, ana, () => AWAY);
    const refusal = await refusalOf(guess(ana, AWAY));
    expect(refusal?.message).to.equal('too many wrong passwords for this account from your address: try again later');
    expect(refusal?.retryAfterMs).to.be.within(880_000, 900_000);
    expect(await refusalOf(guess(ana, HOME))).to.equal(null);
  });

  it('do not count refused attempts for the network, so that other accounts stay open', async () => {
    const [ana, bruno] = [await account(), await account()];
    await wrong(20, ana, () => AWAY);
    // Three attempts for ana and one for bruno, of the network's five.
    expect(await refusalOf(guess(bruno, AWAY))).to.equal(null);
    const { rows } = await sql.query('SELECT points FROM plantao.sign_in_attempts WHERE key = $1', [`address:${AWAY}`]);
    expect(rows).to.deep.equal([{ points: 4 }]);
  });

  it("stop guessing from many networks, and let the owner's earlier networks pass", async () => {
    const ana = await account();
    await right(ana, HOME);
    await wrong(30, ana, elsewhere);
    const refusal = await refusalOf(guess(ana, elsewhere()));
    expect(refusal?.message).to.equal('too many wrong passwords for this account: try again later');
    expect(await refusalOf(guess(ana, HOME))).to.equal(null);
    // A network is remembered for one account, for a limited time.
    const bruno = await account();
    await wrong(30, bruno, elsewhere);
    expect(await refusalOf(guess(bruno, HOME))).to.be.an('error');
    await sql.query("UPDATE plantao.known_networks SET last_at = now() - interval '91 days'");
    expect(await refusalOf(guess(ana, HOME))).to.be.an('error');
  });

  it('give a device with a token of the account a limit of its own', async () => {
    const [ana, bruno] = [await account(), await account()];
    const tokenHash = await tokenHashOf(ana);
    await wrong(3, ana, () => HOME);
    await wrong(9, null, () => HOME);
    expect(await refusalOf(guess(ana, HOME, { tokenHash }))).to.equal(null);
    for (const other of [await tokenHashOf(bruno), await tokenHashOf(ana, 'name'), randomBytes(32).toString('hex')]) {
      expect(await refusalOf(guess(ana, HOME, { tokenHash: other }))).to.be.an('error');
    }
    await refusalOf(guess(ana, HOME, { tokenHash }));
    await refusalOf(guess(ana, HOME, { tokenHash }));
    expect((await refusalOf(guess(ana, HOME, { tokenHash })))?.message).to.include('from this device');
  });

  it('stop one network that tries account after account', async () => {
    for (let at = 0; at < 5; at++) expect(await refusalOf(guess(await account(), '2001:db8::/64'))).to.equal(null);
    const refusal = await refusalOf(guess(await account(), '2001:db8::/64'));
    expect(refusal?.message).to.equal('too many wrong passwords from your address: try again later');
  });

  it('do not count right passwords; a right password also resets the count of its network', async () => {
    const ana = await account();
    for (let times = 0; times < 12; times++) await right(ana, HOME);
    await wrong(2, ana, () => HOME);
    await right(ana, HOME);
    await wrong(2, ana, () => HOME);
    expect(await refusalOf(guess(ana, HOME))).to.equal(null);
    expect(await refusalOf(guess(ana, HOME))).to.be.an('error');
  });

  it('apply to unknown names as to accounts', async () => {
    await wrong(3, null, () => HOME);
    expect((await refusalOf(guess(null, HOME)))?.message).to.include('for this account from your address');
    expect(await refusalOf(guess(null, HOME, { nameKey: 'y' }))).to.equal(null);
  });

  it('count in memory while the table is locked, without long waits, and log it once', async () => {
    const ana = await account();
    await sql.query('BEGIN; LOCK TABLE plantao.sign_in_attempts, plantao.known_networks');
    try {
      const startedAt = performance.now();
      const outcomes: (RateLimitedError | null)[] = [];
      for (let tries = 0; tries < 4; tries++) outcomes.push(await refusalOf(guess(ana, HOME)));
      expect(outcomes.slice(0, 3)).to.deep.equal([null, null, null]);
      expect(outcomes[3]?.retryAfterMs).to.be.within(880_000, 900_000);
      expect(performance.now() - startedAt).to.be.below(2500);
      expect(logged).to.have.length(1);
      expect(logged[0]).to.match(/^sign-in attempts are counted in this node's memory for now: /);
    } finally {
      await sql.query('ROLLBACK');
    }
  });

  it('count in memory when the table does not exist', async () => {
    await sql.query('ALTER TABLE plantao.sign_in_attempts RENAME TO elsewhere');
    try {
      const ana = await account();
      await right(ana, HOME);
      await wrong(3, ana, () => HOME);
      expect(await refusalOf(guess(ana, HOME))).to.be.an('error');
      await limits.register(HOME);
      await limits.register(HOME);
      expect(await refusalOf(limits.register(HOME))).to.be.an('error');
    } finally {
      await sql.query('ALTER TABLE plantao.elsewhere RENAME TO sign_in_attempts');
    }
  });

  it('tolerate foreign rows and a clock that was set back', async () => {
    const ana = await account();
    for (const [points, expire] of [
      [2_147_483_647, null],
      [2_147_483_647, '9223372036854775807'],
      [-5, '0'],
      [1000, String(Date.now() + 86_400_000)],
    ]) {
      await sql.query('DELETE FROM plantao.sign_in_attempts');
      await sql.query('INSERT INTO plantao.sign_in_attempts VALUES ($1, $2, $3)', [
        `account:${ana} from ${HOME}`,
        points,
        expire,
      ]);
      expect(await refusalOf(guess(ana, HOME)), `${points} until ${expire}`).to.equal(null);
      await wrong(2, ana, () => HOME);
      const refusal = await refusalOf(guess(ana, HOME));
      expect(refusal?.retryAfterMs, `${points} until ${expire}`).to.be.within(880_000, 900_000);
    }
    expect(logged).to.deep.equal([]);
  });

  it('count the attempts that another sign-in commits while this one waits', async () => {
    const ana = await account();
    const key = `account:${ana} from ${HOME}`;
    await sql.query('BEGIN');
    await sql.query('INSERT INTO plantao.sign_in_attempts VALUES ($1, 1, NULL)', [key]);
    const waiting = refusalOf(guess(ana, HOME));
    await eventually('the attempt waits for the row', () => lockWaits(sql));
    await sql.query(
      `UPDATE plantao.sign_in_attempts SET points = 3, expire = extract(epoch FROM clock_timestamp()) * 1000 + 900000
       WHERE key = $1`,
      [key],
    );
    await sql.query('COMMIT');
    const refusal = await waiting;
    expect(logged).to.deep.equal([]);
    expect(refusal).to.be.an('error');
    expect(logged).to.deep.equal([]);
  });

  it('count exactly under concurrency', async () => {
    const ana = await account();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => refusalOf(guess(ana, HOME))));
    expect(outcomes.filter((outcome) => outcome === null)).to.have.length(3);
  });
});
