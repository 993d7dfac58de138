import { expect } from 'chai';
import { OwnActivity } from '../../../src/coordination/role/own-activity.ts';

describe('The time at which a node was last active', () => {
  let now = 1000;
  const activity = () => new OwnActivity(() => now);
  beforeEach(() => {
    now = 1000;
  });

  it('is unknown before its first term, even after an end without a term', () => {
    const own = activity();
    own.ended();
    expect(own.lastAt).to.equal(null);
  });

  it('is the current time while its lease is valid, and the end of the lease after it has expired', () => {
    const own = activity();
    own.leased(3000);
    now = 2000;
    expect(own.lastAt).to.equal(2000);
    now = 9000;
    expect(own.lastAt).to.equal(3000);
    own.ended();
    expect(own.lastAt).to.equal(3000);
  });

  it('is the moment at which it resigned, even after its role has changed', () => {
    const own = activity();
    own.leased(3000);
    now = 1500;
    own.ended();
    now = 2000;
    own.ended();
    expect(own.lastAt).to.equal(1500);
    own.leased(5000);
    expect(own.lastAt).to.equal(2000);
  });
});
