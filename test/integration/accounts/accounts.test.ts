import { expect } from 'chai';
import pino from 'pino';
import type { Sequelize } from 'sequelize';
import { Accounts } from '../../../src/chat/auth/accounts.ts';
import type { Passwords } from '../../../src/chat/auth/passwords.ts';
import { SignInLimits } from '../../../src/chat/auth/sign-in-limits.ts';
import { Tokens } from '../../../src/chat/auth/tokens.ts';
import { RateLimitedError, Refused } from '../../../src/chat/errors.ts';
import { Users } from '../../../src/chat/users/users.ts';
import { openSequelize } from '../../../src/database/pool/sequelize.ts';
import { fencedWrite } from '../../../src/database/writes/fenced-write.ts';
import { eventually } from '../../support/eventually.ts';
import { People } from '../../support/network/people.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

/** Passwords compared as plain text, with a hook that runs during a check. */
class PlainPasswords {
  meanwhile = async () => {};
  turn = async () => {};

  async withSlot<T>(_place: unknown, work: () => Promise<T>): Promise<T> {
    await this.turn();
    return work();
  }

  async hash(password: string): Promise<string> {
    await this.meanwhile();
    return password;
  }

  async matches(password: string, stored: string | null): Promise<boolean> {
    await this.meanwhile();
    return password === stored;
  }
}

const overloaded = async () => {
  throw new Refused('overloaded');
};
const nothing = async () => {};
const POOL_SIZE = 3;

describe('Accounts', () => {
  const { database, sql } = useDatabase();
  let sequelize: Sequelize;
  let passwords: PlainPasswords;

  before(async () => {
    sequelize = openSequelize(database.url, 'accounts-test', POOL_SIZE);
    // Opens the whole pool now: a connection that is opened within a test would count as a leak.
    await Promise.all(Array.from({ length: POOL_SIZE }, () => sequelize.query('SELECT pg_sleep(0.1)')));
    await sql.query(
      "INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (1, 'x', 'x', 1, 'test')",
    );
  });
  after(async () => {
    await sequelize?.close();
  });
  beforeEach(() => {
    passwords = new PlainPasswords();
  });

  function accounts(passwordsOnly: boolean, users = new Users(sequelize)): Accounts {
    const write = fencedWrite(sequelize, () => 1);
    return new Accounts({
      sequelize,
      users,
      passwords: passwords as unknown as Passwords,
      tokens: new Tokens(write, 1),
      limits: new SignInLimits(sequelize, pino({ level: 'silent' }), { ofAccount: 2, ofAddress: 2, registrations: 2 }),
      write,
      passwordsOnly,
    });
  }

  async function account(password: string | null): Promise<{ id: number; username: string }> {
    const username = People.name();
    const { rows } = await sql.query(
      'INSERT INTO plantao.users (username, password_hash) VALUES ($1, $2) RETURNING id',
      [username, password],
    );
    return { id: Number(rows[0].id), username };
  }
  const change = (id: number, password: string) =>
    sql.query('UPDATE plantao.users SET password_hash = $2 WHERE id = $1', [id, password]);
  const tokensOf = async (id: number) => {
    const { rows } = await sql.query('SELECT count(*)::int AS n FROM plantao.tokens WHERE user_id = $1', [id]);
    return rows[0].n;
  };

  it('do not count an attempt whose password was not checked', async () => {
    const { username } = await account('right');
    const logIn = () => accounts(true).logIn({ username, password: 'right', network: '192.0.2.1' });
    passwords.turn = overloaded;
    for (let times = 0; times < 5; times++) expect(await codeOf(logIn())).to.equal('overloaded');
    passwords.turn = nothing;
    expect((await logIn()).username).to.equal(username);
  });

  it('do not count a registration that was not processed', async () => {
    const register = () =>
      accounts(true).register({ username: People.name(), password: 'any password', network: '192.0.2.2' });
    passwords.turn = overloaded;
    for (let times = 0; times < 5; times++) expect(await codeOf(register())).to.equal('overloaded');
    passwords.turn = nothing;
    expect((await register()).created).to.equal(true);
  });

  it('return the account if a registration is repeated and the first attempt commits during the second', async () => {
    const request = { username: People.name(), password: 'any password', network: '192.0.2.20' };
    const key = { userId: null, key: 'one registration', request: { username: request.username } };
    let first = 0;
    class SlowUsers extends Users {
      override async find(username: string) {
        first ||= (await accounts(true).register(request, key)).userId;
        return super.find(username);
      }
    }
    const second = await accounts(true, new SlowUsers(sequelize)).register(request, key);
    expect(second).to.include({ userId: first, created: true });
    const other = { ...key, request: { username: 'another' } };
    const refusal = accounts(true).register({ ...request, network: '192.0.2.21' }, other);
    expect(await codeOf(refusal)).to.equal('key_reused');
  });

  it('limit the accounts that an address creates by logging in under new names', async () => {
    const come = (username: string) => accounts(false).logIn({ username, password: null, network: '192.0.2.3' });
    const names = [People.name(), People.name(), People.name()];
    const outcomes = await Promise.all(names.map((name) => come(name).catch((error) => error)));
    expect(outcomes.filter((outcome) => outcome instanceof RateLimitedError)).to.have.length(1);
    // An existing user may log in any number of times.
    const known = await account(null);
    for (let times = 0; times < 3; times++) expect((await come(known.username)).userId).to.equal(known.id);
  });

  it('give up when a name is taken by an account that cannot be found', async () => {
    const { username } = await account(null);
    class BlindUsers extends Users {
      override find = async () => null;
    }
    const logIn = accounts(false, new BlindUsers(sequelize)).logIn({ username, password: null, network: '192.0.2.30' });
    expect(await codeOf(logIn)).to.equal('unavailable');
  });

  it('issue no token for a password that was changed during its check', async () => {
    const { id, username } = await account('old');
    passwords.meanwhile = async () => void (await change(id, 'new'));
    const logIn = accounts(true).logIn({ username, password: 'old', network: '192.0.2.4' });
    expect(await codeOf(logIn)).to.equal('unauthenticated');
    expect(await tokensOf(id)).to.equal(0);
  });

  it('issue no token when a change of the password commits just afterwards', async () => {
    const { id, username } = await account('old');
    await sql.query('BEGIN');
    await change(id, 'new');
    const logIn = accounts(true).logIn({ username, password: 'old', network: '192.0.2.5' });
    let isOver = false;
    const outcome = codeOf(logIn).finally(() => {
      isOver = true;
    });
    await eventually('it waits for the change, or does not', async () => {
      const { rows } = await sql.query(
        'SELECT FROM pg_locks WHERE transactionid = pg_current_xact_id()::xid AND NOT granted',
      );
      return isOver || rows.length > 0;
    });
    await sql.query('COMMIT');
    expect(await outcome).to.equal('unauthenticated');
    expect(await tokensOf(id)).to.equal(0);
  });
});

/** Returns the error code, or null on success. */
const codeOf = (outcome: Promise<unknown>): Promise<string | null> =>
  outcome.then(
    () => null,
    (error) => (error instanceof Refused ? error.code : Promise.reject(error)),
  );
