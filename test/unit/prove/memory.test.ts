import { expect } from 'chai';
import { Trail } from '../../../src/prove/load/trail.ts';
import { ActiveSpans } from '../../../src/prove/rig/active-spans.ts';

/** A response of an active node every 50 ms for two hours. */
const RESPONSES = 144_000;

describe('The watch for two active nodes', () => {
  const seen = (node: string, term: number, at: number) => ({
    node,
    active: true,
    term,
    sentAt: at,
    receivedAt: at + 5,
  });

  it('keeps one span for each node and term, however many responses there are', () => {
    const spans = new ActiveSpans();
    for (let count = 0; count < RESPONSES; count++) spans.add(seen(`node-${count % 2}`, 1 + (count % 2), count * 50));
    expect(spans.observed).to.equal(RESPONSES);
    expect(spans.size).to.equal(2);
    expect(spans.overlap()).to.equal('node-0 in term 1 and node-1 in term 2');
  });

  it('considers nodes active at different times if one was last seen before the other was first seen', () => {
    const spans = new ActiveSpans();
    for (const at of [0, 50, 100]) spans.add(seen('node-a', 1, at));
    spans.add({ ...seen('node-a', 1, 150), active: false });
    for (const at of [100, 150]) spans.add(seen('node-b', 2, at));
    expect(spans.overlap()).to.equal(null);
    spans.add(seen('node-a', 1, 140));
    expect(spans.overlap()).to.equal('node-a in term 1 and node-b in term 2');
  });
});

describe('The trail of a reader', () => {
  const stepsBack = (trail: Trail) => {
    let steps = 0;
    while (trail.stepBack()) steps++;
    return steps;
  };

  it('keeps the first cursor and the newest ones, up to a limit', () => {
    const trail = new Trail('first');
    for (let count = 0; count < RESPONSES; count++) trail.moveTo(`cursor-${count}`);
    expect(trail.cursor).to.equal(`cursor-${RESPONSES - 1}`);
    trail.stepBack();
    expect(trail.cursor).to.equal(`cursor-${RESPONSES - 2}`);
    expect(stepsBack(trail)).to.be.within(9000, 20_000);
    expect(trail.cursor).to.equal('first');
  });
});
