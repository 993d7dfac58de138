import type { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import pino from 'pino';
import { LockThread, type LockThreadOptions } from '../../../../src/coordination/lock/lock-thread.ts';
import { LockWorkerError } from '../../../../src/coordination/lock/lock-worker-link.ts';
import { startTcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { always } from '../../../support/always.ts';
import { errorOf } from '../../../support/error-of.ts';
import { eventually } from '../../../support/eventually.ts';
import { lockProgram } from '../../../support/nodes/node-build.ts';
import type { LogEntry } from '../../../support/nodes/node-process.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { runningWorkers } from '../../../support/run/worker-threads.ts';
import { localLock, PROMOTION, RESIGNATION } from '../coordinator.ts';

const LEASE_MS = 1000;
/** For messages between threads and PostgreSQL on a busy machine. */
const PATIENCE = { within: 15_000, every: 5 };

describe('The lock thread', function () {
  this.timeout(60_000);
  const { database, sql: psql } = useDatabase();
  let lost: string[];
  let entries: LogEntry[];
  const threads: LockThread[] = [];

  beforeEach(() => {
    lost = [];
    entries = [];
  });
  afterEach(async () => {
    for (const thread of threads.splice(0)) await thread.stop();
  });

  const start = (more: Partial<LockThreadOptions> = {}, url = database.url): LockThread => {
    const thread = new LockThread({
      session: [url, 'plantao:node-a:lock', LEASE_MS, { idle_session_timeout: LEASE_MS }],
      leaseMs: LEASE_MS,
      node: 'node-a',
      url: () => 'http://node-a',
      program: lockProgram(),
      log: pino({}, { write: (line: string) => void entries.push(JSON.parse(line)) }),
      onLost: (reason) => void lost.push(reason),
      ...more,
    });
    threads.push(thread);
    thread.start();
    return thread;
  };
  const active = async (): Promise<[LockThread, Worker]> => {
    const thread = start();
    expect(await thread.tryAcquire(PROMOTION)).to.not.equal(null);
    const [worker] = runningWorkers();
    if (!worker) throw new Error('there is no thread');
    return [thread, worker];
  };
  const holders = async () => (await psql.query('SELECT pid FROM plantao.lock_holder')).rows.length;

  it('acquires the lock, renews the lease by itself, and releases the lock', async () => {
    const [thread] = await active();
    const term = thread.term?.number ?? null;
    expect(term).to.be.a('number');
    await always('the term is held', () => thread.term?.number === term, { forMs: 3 * LEASE_MS, every: 10 });
    const released = thread.release({ ...RESIGNATION, handTo: 'node-b' });
    expect(thread.term, 'at once').to.equal(null);
    await released;
    expect(await holders()).to.equal(0);
    const { rows } = await psql.query('SELECT end_reason, handed_to FROM plantao.leader_history LIMIT 1');
    expect(rows).to.deep.equal([{ end_reason: 'test', handed_to: 'node-b' }]);
    // A named successor has a head start.
    const next = await eventually('the lock is taken again', () => thread.tryAcquire(PROMOTION), PATIENCE);
    expect(next.number).to.equal((term ?? 0) + 1);
    expect(lost).to.deep.equal([]);
  });

  it('loses the lock at once when PostgreSQL ends its session', async () => {
    const [thread] = await active();
    await psql.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually('the loss is reported', () => lost.length === 1, PATIENCE);
    expect(thread.term).to.equal(null);
    expect(lost[0]).to.match(/^terminating connection due to administrator command/);
    expect(await thread.tryAcquire(PROMOTION), 'again').to.not.equal(null);
  });

  for (const [how, end, why] of [
    // No caller sends this: the thread fails as it would by a bug.
    ['an uncaught error', (worker: Worker) => void worker.postMessage(null), /^Cannot read properties of null/],
    ['force', (worker: Worker) => void worker.terminate(), /^it exited with code 1$/],
  ] as const) {
    it(`loses the lock at once when it ends by ${how}; the next attempt starts another thread`, async () => {
      const [thread, worker] = await active();
      const waiting = errorOf(thread.isTaken());
      end(worker);
      await eventually('the loss is reported', () => lost.length === 1, PATIENCE);
      expect(thread.term).to.equal(null);
      expect(lost[0]).to.match(/^the thread that keeps the leader lock has ended: /);
      expect(await waiting).to.satisfy((error: unknown) => error === null || error instanceof LockWorkerError);
      await eventually('the lock is free', async () => (await holders()) === 0, { within: LEASE_MS / 2, every: 5 });
      const said = entries.filter(({ event }) => event === 'lock_thread_ended');
      expect(said).to.have.length(1);
      expect(said[0]?.msg.replace(/^.*another: /, '')).to.match(why);
      expect(await eventually('another thread has it', () => thread.tryAcquire(PROMOTION), PATIENCE)).to.not.equal(
        null,
      );
      expect(entries.at(-1)?.msg).to.equal('the thread that keeps the leader lock is running again');
    });
  }

  it('that cannot be started is logged once, and the node stays a standby', async () => {
    const thread = start({ limits: { maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1 } });
    await thread.prepare();
    expect(await errorOf(thread.tryAcquire(PROMOTION))).to.be.instanceOf(LockWorkerError);
    expect(await errorOf(thread.tryAcquire(PROMOTION)), 'and not started all the time').to.be.instanceOf(
      LockWorkerError,
    );
    expect(entries.filter(({ event }) => event === 'lock_thread_ended')).to.have.length(1);
    expect(entries[0]?.msg).to.match(/Worker terminated due to reaching memory limit/);
    expect(await thread.renew()).to.equal(false);
    await thread.release(RESIGNATION);
    expect(lost).to.deep.equal([]);
  });

  it('that gives no sign of life is ended, so that the next attempt starts another', async () => {
    const program = new URL('data:text/javascript,for(;;);');
    const thread = start({ program, lifelessMs: 500 });
    expect((await errorOf(thread.tryAcquire(PROMOTION))).message).to.match(/is not running: it gave no sign of life$/);
    await eventually('the thread has ended', () => runningWorkers().length === 0, PATIENCE);
    expect(entries[0]?.msg).to.match(/has ended, and the next attempt starts another: it gave no sign of life$/);
  });

  it('passes on the errors of PostgreSQL with their SQLSTATE', async () => {
    const settings = { idle_session_timeout: LEASE_MS, default_transaction_read_only: 'on' };
    const thread = start({ session: [database.url, 'plantao:node-a:lock', LEASE_MS, settings] });
    expect(await errorOf(thread.tryAcquire(PROMOTION))).to.include({ code: '25006' });
    // The session ends after its error.
    await eventually('the lock is free', async () => (await holders()) === 0, PATIENCE);
  });

  it('can be interrupted and stopped while PostgreSQL does not respond', async () => {
    const proxy = await startTcpProxy({ port: Number(new URL(database.url).port) });
    try {
      proxy.swallow();
      const thread = start({}, proxy.via(database.url));
      const first = errorOf(thread.tryAcquire(PROMOTION));
      await eventually('it is on its way', () => proxy.swallowedBytes > 0, PATIENCE);
      thread.interrupt();
      expect(await first).to.include({ name: 'SessionLostError' });
      const swallowed = proxy.swallowedBytes;
      const second = errorOf(thread.tryAcquire(PROMOTION));
      await eventually('the next is on its way', () => proxy.swallowedBytes > swallowed, PATIENCE);
      const startedAt = performance.now();
      await thread.stop();
      expect(performance.now() - startedAt).to.be.below(3000);
      expect(await second).to.be.an('error');
      expect(runningWorkers()).to.deep.equal([]);
    } finally {
      await proxy.close();
    }
  });

  it('competes with a lock in the main thread: one of them gets it, never both', async () => {
    const [thread] = await active();
    const other = localLock({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS });
    expect(await other.lock.tryAcquire(PROMOTION)).to.equal(null);
    thread.abandon('test');
    expect(thread.term).to.equal(null);
    expect(await eventually('the other has it', () => other.lock.tryAcquire(PROMOTION), PATIENCE)).to.not.equal(null);
    expect(await thread.tryAcquire(PROMOTION)).to.equal(null);
    other.lock.abandon('the test is over');
  });
});
