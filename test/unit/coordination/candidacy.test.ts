import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { Candidacy } from '../../../src/coordination/candidacy.ts';
import { ChangeLogger } from '../../../src/coordination/change-logger.ts';
import type { LeaderLocking } from '../../../src/coordination/lock/leader-lock.ts';
import { BlockedError, type ToBlockedError } from '../../../src/database/checks/blocking.ts';
import { SessionLostError } from '../../../src/database/session/database-session.ts';
import type { Queryable } from '../../../src/database/session/reconnecting-session.ts';

const LEASE_MS = 1000;

describe('An attempt to take the leader lock', () => {
  let lines: string[];
  let now: number;

  beforeEach(() => {
    lines = [];
    now = 1_000_000;
  });

  const candidate = (
    query: Queryable['query'],
    open = async () => {},
    tryAcquire: LeaderLocking['tryAcquire'] = async () => null,
    toBlockedError: ToBlockedError = async (error) => error,
  ) =>
    new Candidacy({
      leaseMs: LEASE_MS,
      lock: { open, prepare: open, tryAcquire, isTaken: async () => false },
      writerSession: { opened: async () => undefined, unreachableForMs: 0 },
      catchUpSession: { query },
      toBlockedError,
      changes: new ChangeLogger(pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) })),
      lastActiveAt: () => null,
      clock: () => now,
    });

  it('does not count as failed if the lock is taken and its holder cannot be read, which is logged once', async () => {
    const candidacy = candidate(async () => {
      throw new Error('permission denied for view lock_holder');
    });
    now += 3 * LEASE_MS;
    for (let tries = 0; tries < 5; tries++) expect(await candidacy.tryAcquire()).to.equal(null);
    expect(candidacy.electionState.failures).to.equal(0);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      /^no node is seen active, and the holder of the leader lock cannot be read: permission denied/,
    );
  });

  it('counts the leaderless time from when a node was last seen active, and none while a node is', () => {
    const candidacy = candidate(async () => []);
    candidacy.activeSeen();
    now += 0.01;
    expect(candidacy.electionState.leaderlessMs).to.equal(0);
    now += 40;
    candidacy.noneSeen();
    expect(candidacy.electionState.leaderlessMs).to.be.closeTo(40, 0.1);
    candidacy.activeSeen();
    candidacy.reset();
    now += 1;
    expect(candidacy.electionState.leaderlessMs).to.be.closeTo(1, 0.1);
  });

  it('reports a holder two leases after it first saw it: not one that was promoted at the end of a long outage', async () => {
    let pid = 1;
    const candidacy = candidate(async <Row>() => [holderRow(pid, now)] as Row[]);
    const tryAfter = async (ms: number) => {
      now += ms;
      await candidacy.tryAcquire();
      await turn();
    };
    await tryAfter(20 * LEASE_MS);
    pid = 2;
    for (const ms of [300, LEASE_MS, 0.9 * LEASE_MS]) await tryAfter(ms);
    expect(lines).to.deep.equal([]);
    expect(candidacy.problem).to.match(/another session holds the leader lock/);
    for (const ms of [LEASE_MS, 300]) await tryAfter(ms);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^no node is seen active, but plantao:b:lock .* holds the leader lock/);
  });

  for (const [what, code, said] of [
    ['PostgreSQL refuses the term', 'P0001', 'frozen'],
    ['another transaction blocks the term', '55P03', 'another transaction blocks the new term'],
    ['a statement takes too long', '57014', 'frozen'],
    [
      'the server is read-only',
      '25006',
      'frozen: name the primary in DATABASE_URL; or, if this is the primary, ALTER SYSTEM RESET default_transaction_read_only and reload its configuration',
    ],
  ])
    it(`logs once that ${what}, while a peer that it keeps out too holds the lock now and then`, async () => {
      let isRefused = true;
      const candidacy = candidate(
        async () => [],
        async () => {},
        async () => {
          if (isRefused) throw Object.assign(new Error('frozen'), { code });
          return null;
        },
      );
      for (let tries = 0; tries < 6; tries++) {
        isRefused = tries % 2 === 0;
        now += 50;
        await candidacy.tryAcquire();
        expect(candidacy.problem).to.match(/cannot be promoted/);
      }
      expect(lines).to.deep.equal([`cannot become active: ${said}`]);
      now += 50;
      candidacy.activeSeen();
      await candidacy.tryAcquire();
      expect(lines).to.deep.equal([`cannot become active: ${said}`, 'PostgreSQL responds again']);
    });

  it('says that another transaction blocks the term if a statement takes too long and a session blocks the nodes', async () => {
    const candidacy = candidate(
      async () => [],
      undefined,
      async () => {
        throw Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' });
      },
      async (error) => new BlockedError([], { cause: error }),
    );
    await candidacy.tryAcquire();
    await new Promise(setImmediate);
    expect(lines).to.deep.equal(['cannot become active: another transaction blocks the new term']);
  });

  it('does not wait for what blocks the term, and says nothing of it once an attempt has succeeded', async () => {
    let explain: (error: unknown) => void = () => {};
    const results = [() => Promise.reject(Object.assign(new Error('slow'), { code: '57014' })), async () => null];
    const candidacy = candidate(
      async () => [],
      undefined,
      async () => (await results.shift()?.()) ?? null,
      () =>
        new Promise((resolve) => {
          explain = resolve;
        }),
    );
    expect(await candidacy.tryAcquire()).to.equal(null);
    now += 50;
    candidacy.activeSeen();
    expect(await candidacy.tryAcquire()).to.equal(null);
    explain(new BlockedError([], {}));
    await new Promise(setImmediate);
    expect(lines).to.deep.equal([]);
  });

  it('reports a problem while its attempts and those of a peer fail in turn, so that no node is active', async () => {
    let attempts = 0;
    const candidacy = candidate(
      async () => [],
      undefined,
      async () => {
        // Its own lock is free for every other attempt; opening the term takes too long.
        if (attempts++ % 2 === 0) throw new SessionLostError('no reply to query within 3000 ms');
        return null;
      },
    );
    for (let at = 0; at < 4; at++) {
      now += 3000;
      await candidacy.tryAcquire();
      await candidacy.tryAcquire();
    }
    expect(candidacy.problem).to.match(/another session holds the leader lock/);
    candidacy.activeSeen();
    expect(candidacy.problem).to.equal(null);
  });

  it('reports no problem right after an outage of PostgreSQL, before the next active node could be seen', async () => {
    let isDown = true;
    const open = async () => {
      if (isDown) throw new Error('connect ECONNREFUSED');
    };
    const candidacy = candidate(async () => [], open);
    now += 10 * LEASE_MS;
    await candidacy.tryAcquire();
    expect(candidacy.problem).to.match(/cannot be promoted/);
    isDown = false;
    await candidacy.tryAcquire();
    expect(candidacy.problem).to.equal(null);
    now += 3 * LEASE_MS;
    expect(candidacy.problem).to.match(/another session holds the leader lock/);
  });

  it('is deferred for a moment on a new server, except by the node that was active last', async () => {
    const term = { number: 7 } as Awaited<ReturnType<LeaderLocking['tryAcquire']>>;
    const last = candidate(
      async () => [],
      undefined,
      async () => term,
    );
    await last.tryAcquire();
    const other = candidate(async () => []);
    for (const candidacy of [last, other]) candidacy.deferToLast(7, 100);
    expect([last.isDeferring, other.isDeferring]).to.deep.equal([false, true]);
    now += 101;
    expect(other.isDeferring).to.equal(false);
    last.deferToLast(8, 100);
    expect(last.isDeferring, 'another one was active since').to.equal(true);
  });
});

/** A living holder: each heartbeat changes its sign of life. */
const holderRow = (pid: number, heartbeatMark: number) => ({
  application: 'plantao:b:lock',
  pid,
  role: 'chat',
  client: null,
  connected: null,
  heartbeatMark: String(heartbeatMark),
  leaseMs: LEASE_MS,
});
