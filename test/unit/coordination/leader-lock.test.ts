import { mock } from 'node:test';
import { expect } from 'chai';
import { LeaderLock } from '../../../src/coordination/lock/leader-lock.ts';
import type { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { eventually } from '../../support/eventually.ts';

/** A lock session whose replies a test withholds. */
class FakeSession {
  readonly limits: number[] = [];
  isOpen = true;
  isSilent = false;
  readonly #pending: ((error: Error) => void)[] = [];

  onLost(): void {}
  async warmUp(): Promise<void> {}

  async query({ name = '' }: { name?: string }, limitMs: number): Promise<unknown[]> {
    this.limits.push(limitMs);
    if (!this.isOpen) throw new Error('closed');
    if (this.isSilent) return new Promise((_, reject) => this.#pending.push(reject));
    return [{ taken: true, held: true, readOnly: null, term: 1, token: 1, name }];
  }

  destroy(reason: string): void {
    this.isOpen = false;
    for (const reject of this.#pending.splice(0)) reject(new Error(reason));
  }
}

describe('The leader lock with a lease of a minute', () => {
  const start = async () => {
    const session = new FakeSession();
    const lock = new LeaderLock({
      open: async () => session as unknown as DatabaseSession,
      leaseMs: 60_000,
      node: 'node-a',
      url: () => '',
      log: { warn: () => undefined },
      onLost: () => undefined,
      schedule: () => undefined,
    });
    await lock.tryAcquire({ reason: 'test', unseenMs: 0 });
    return { session, lock };
  };

  it('waits for the replies to an attempt for seconds, not for a lease', async () => {
    const { session, lock } = await start();
    await lock.isTaken();
    expect(Math.max(...session.limits)).to.equal(3000);
    lock.abandon('the test is over');
  });

  it('is released within seconds while a heartbeat has no reply', async () => {
    const { session, lock } = await start();
    session.isSilent = true;
    const renewed = lock.renew();
    await eventually('the heartbeat is under way', () => session.limits.includes(60_000));
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const released = lock.release({ reason: 'test', cause: 'fall', handTo: null, requester: null });
      mock.timers.tick(2999);
      expect(session.isOpen, 'before the limit').to.equal(true);
      mock.timers.tick(1);
      await released;
    } finally {
      mock.timers.reset();
    }
    expect(await renewed).to.equal(false);
    expect(session.isOpen).to.equal(false);
  });
});
