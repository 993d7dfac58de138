import { expect } from 'chai';
import type { ChangeLogger } from '../../../src/coordination/change-logger.ts';
import { Housekeeping } from '../../../src/coordination/housekeeping.ts';
import type { Peers } from '../../../src/coordination/peers/peers.ts';
import type { NodeRole } from '../../../src/coordination/role/role.ts';
import { eventually } from '../../support/eventually.ts';

const LEASE_MS = 3000;

describe('Housekeeping', () => {
  let now: number;
  let done: string[];
  let active: Peers['active'];
  let isCaughtUp: boolean;
  let writeRow: () => Promise<boolean>;
  let housekeeping: Housekeeping;

  const create = (isPreferred = false) => {
    housekeeping = new Housekeeping({
      leaseMs: LEASE_MS,
      isPreferred,
      peers: {
        probe: async () => void done.push('probe'),
        get active() {
          return active;
        },
      } as unknown as Peers,
      changes: {
        report: (topic: string) => void done.push(`report ${topic}`),
        resolve: () => {},
      } as unknown as ChangeLogger,
      writeRow: (role) => {
        done.push(`row ${role}`);
        return writeRow();
      },
      onSwitchoverRequested: () => void done.push('switchover requested'),
      requestSwitchover: async () => {
        done.push('request');
        return 'requested';
      },
      isCaughtUp: () => isCaughtUp,
      clock: () => now,
    });
  };
  /** Runs what is due every 50 ms of `ms`, and returns what that was. */
  const during = async (ms: number, role: NodeRole): Promise<string[]> => {
    done = [];
    for (const end = now + ms; now < end; now += 50) {
      housekeeping.runDue(role, 1);
      await new Promise(setImmediate);
    }
    return done;
  };
  const count = (list: readonly string[], what: string) => list.filter((entry) => entry === what).length;

  beforeEach(() => {
    now = 1_000_000;
    done = [];
    active = { name: 'other', url: 'http://localhost:1', isPreferred: false } as unknown as Peers['active'];
    isCaughtUp = true;
    writeRow = async () => false;
    create();
  });

  it('probes the peers more often on a standby, which may have to take over, than on the active node', async () => {
    const [standby, whileActive] = [
      count(await during(60_000, 'standby'), 'probe'),
      count(await during(60_000, 'active'), 'probe'),
    ];
    expect(standby).to.be.within(3 * whileActive, 5 * whileActive);
  });

  it('probes at once when the role changes, and writes the row a moment later', async () => {
    await during(1000, 'active');
    while (!(await during(50, 'active')).includes('probe'));
    housekeeping.roleChanged();
    expect(await during(100, 'active')).to.deep.equal(['probe']);
    expect(count(await during(200, 'active'), 'row active')).to.equal(1);
  });

  it('writes no second row while one is being written', async () => {
    let finish = (_isRequested: boolean) => {};
    writeRow = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    expect(count(await during(10_000, 'standby'), 'row standby')).to.equal(1);
    finish(true);
    await eventually('the request is passed on', () => done.includes('switchover requested'));
    expect(count(await during(10_000, 'standby'), 'row standby')).to.equal(1);
  });

  it('reports a row that cannot be written, and goes on', async () => {
    writeRow = () => Promise.reject(new Error('no'));
    await during(50, 'standby');
    await eventually('the report', () => done.includes('report row'));
    writeRow = async () => false;
    expect(count(await during(2000, 'standby'), 'row standby')).to.be.at.least(1);
  });

  it('requests the role for a preferred node two leases after a change, again and again, until it has it', async () => {
    create(true);
    expect(await during(2 * LEASE_MS, 'standby')).to.not.include('request');
    expect(await during(LEASE_MS, 'standby')).to.include('request');
    expect(count(await during(20 * LEASE_MS, 'standby'), 'request')).to.be.within(7, 13);
    housekeeping.roleChanged();
    expect(await during(2 * LEASE_MS, 'standby')).to.not.include('request');
    expect(await during(10 * LEASE_MS, 'active')).to.not.include('request');
  });

  it('does not request the role while it has not read the log, without an active node, or from another preferred one', async () => {
    create(true);
    isCaughtUp = false;
    expect(await during(10 * LEASE_MS, 'standby')).to.not.include('request');
    isCaughtUp = true;
    active = null;
    expect(await during(10 * LEASE_MS, 'standby')).to.not.include('request');
    active = { name: 'other', url: 'http://localhost:1', isPreferred: true } as unknown as Peers['active'];
    expect(await during(10 * LEASE_MS, 'standby')).to.not.include('request');
  });
});
