import { expect } from 'chai';
import { Reachability } from '../../../../src/database/session/reachability.ts';

describe('The time for which a session cannot be opened', () => {
  let now: number;
  let reachability: Reachability;
  beforeEach(() => {
    now = 1000;
    reachability = new Reachability(() => now);
  });
  const countedAfter = (ms: number) => {
    now += ms;
    return reachability.unreachableForMs;
  };

  it('counts from when the session was closed', () => {
    now += 50;
    reachability.closed();
    expect(countedAfter(30)).to.equal(30);
  });

  it('counts from the beginning of the first of several failed openings, whatever the server sends', () => {
    now += 10;
    reachability.openingBegan();
    now += 100;
    reachability.openingFailed();
    reachability.openingBegan();
    reachability.received();
    reachability.openingFailed();
    expect(countedAfter(5)).to.equal(105);
  });

  it('does not include a slow opening in which the server sends something', () => {
    reachability.openingBegan();
    now += 5000;
    reachability.received();
    expect(countedAfter(20)).to.equal(20);
  });

  it('is zero between two attempts after PostgreSQL has refused the warm-up, and counts again from the next attempt', () => {
    reachability.openingBegan();
    reachability.reached();
    now += 40;
    reachability.warmUpRefused();
    expect(countedAfter(5000)).to.equal(0);
    reachability.openingBegan();
    expect(countedAfter(30)).to.equal(30);
    reachability.openingFailed();
    expect(countedAfter(30)).to.equal(60);
  });
});
