import { expect } from 'chai';
import { monotonic } from '../../../src/async/clock.ts';
import { Lease } from '../../../src/coordination/lock/lease.ts';
import { Term } from '../../../src/coordination/lock/term.ts';

const LEASE_MS = 2000;
const TERM = 7;

describe("A node's lease of the leader lock", () => {
  let now: number;
  let lease: Lease;
  beforeEach(() => {
    now = 1_000_000;
    lease = new Lease({ leaseMs: LEASE_MS, clock: () => now });
  });

  it('is not valid before a term begins', () => {
    expect(lease.isValid(TERM)).to.equal(false);
    expect(lease.validUntil(TERM)).to.equal(0);
  });

  it('expires by itself before the lease that PostgreSQL counts', () => {
    lease.begin(TERM, now);
    now += LEASE_MS * 0.89;
    expect(lease.isValid(TERM)).to.equal(true);
    now += LEASE_MS * 0.02;
    expect(lease.isValid(TERM)).to.equal(false);
    expect(lease.heldTerm, 'and not ended').to.equal(TERM);
  });

  it('counts from the start of the heartbeat: a slow reply does not extend it', () => {
    const sent = now;
    now += LEASE_MS - 100;
    lease.begin(TERM, sent);
    expect(lease.isValid(TERM)).to.equal(false);
    now = sent + LEASE_MS / 2;
    lease.renew(sent);
    expect(lease.validUntil(TERM) - now).to.be.closeTo(LEASE_MS * 0.4, 1);
  });

  it('is not shortened by an earlier heartbeat that is confirmed late', () => {
    lease.begin(TERM, now);
    lease.renew(now - 1500);
    expect(lease.validUntil(TERM) - now).to.be.closeTo(LEASE_MS * 0.9, 1);
  });

  it('of a term in doubt is valid again only after a heartbeat that was sent later', () => {
    const lease = new Lease({ leaseMs: LEASE_MS, clock: () => now });
    lease.begin(TERM, now);
    const term = new Term({ number: TERM, token: 1 }, lease);
    now += 100;
    term.doubt();
    expect(term.isValid).to.equal(false);
    expect(term.isHeld).to.equal(true);
    lease.renew(now - 1);
    expect(term.isValid, 'a heartbeat sent before').to.equal(false);
    lease.renew(now + 1);
    expect(term.isValid, 'a heartbeat sent after').to.equal(true);
  });

  it('ends at once when it is expired', () => {
    lease.begin(TERM, now);
    lease.expire();
    expect(lease.isValid(TERM)).to.equal(false);
  });

  it('records the longest delay of a heartbeat in each term', () => {
    lease.begin(TERM, now);
    for (const delay of [3, 180, 20]) lease.renew(now, delay);
    expect(lease.worstDelayMs).to.equal(180);
    lease.begin(TERM + 1, now);
    expect(lease.worstDelayMs).to.equal(0);
  });

  it('uses a clock that only goes forward', () => {
    const first = monotonic();
    expect(monotonic()).to.be.at.least(first);
    expect(first, 'not the wall clock').to.be.below(Date.now() / 2);
  });
});
