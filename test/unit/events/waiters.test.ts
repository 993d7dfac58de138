import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { EventDelivery } from '../../../src/chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../../src/chat/delivery/membership-cache.ts';
import type { LogEvent } from '../../../src/events/log-event.ts';
import { routingKey } from '../../../src/events/routing-keys.ts';
import { type Audience, type Delivery, type Waiter, Waiters } from '../../../src/events/waiters.ts';
import { logEvents } from '../../support/log-event.ts';

const dispatch = (waiters: Waiters, ...batch: LogEvent[]) =>
  new EventDelivery(waiters, new MembershipCache()).deliver(batch, batch.at(-1)?.cursor ?? '');
const event = logEvents();

/** Returns an audience of some topics that matches every event found under them. */
function audienceOf(id: string, ...topics: string[]): Audience {
  return { id, routingKeys: () => [routingKey.everyone, ...topics], matches: () => true, groupName: () => null };
}

/** Keeps its deliveries. With `once` it leaves when a delivery is staged, as a poll does. */
class Listener implements Waiter {
  readonly audience: Audience;
  readonly staged: Delivery[] = [];
  readonly flushed: Delivery[] = [];
  readonly #leave: (() => void) | null;
  constructor(audience: Audience, once: Waiters | null = null) {
    this.audience = audience;
    this.#leave = once && (() => once.remove(this));
  }
  stage(delivery: Delivery): void {
    this.staged.push(delivery);
    this.#leave?.();
  }
  flush(): void {
    this.flushed.push(...this.staged.splice(0));
  }
  get heard(): number[] {
    return this.flushed.flatMap(({ events }) => events.map((one) => one.position));
  }
}

function setUp(...audiences: Audience[]) {
  const waiters = new Waiters();
  const listeners = audiences.map((audience) => new Listener(audience));
  for (const listener of listeners) waiters.add(listener);
  return { waiters, listeners };
}

describe('Waiters', () => {
  it('receive the events of their topics in one delivery per batch, and nothing else', () => {
    const { waiters, listeners } = setUp(
      audienceOf('one', routingKey.group(1)),
      audienceOf('both', routingKey.group(1), routingKey.name('x')),
      audienceOf('none', routingKey.group(9)),
    );
    const batch = [event({ groupId: 1 }), event({ groupId: 2 }), event({ topic: 'x', kind: 'notification' })];
    dispatch(waiters, ...batch);
    const [first, , third] = batch.map((one) => one.position);
    expect(listeners.map(({ heard }) => heard)).to.deep.equal([[first], [first, third], []]);
    expect(listeners.map(({ flushed }) => flushed.length)).to.deep.equal([1, 1, 0]);
    expect(listeners[0]?.flushed[0]?.cursor, 'the cursor is that of the whole batch').to.equal(`e-${third}`);
  });

  it('all receive a broadcast', () => {
    const { waiters, listeners } = setUp(audienceOf('one', routingKey.group(1)), audienceOf('two'));
    dispatch(waiters, event({ kind: 'broadcast' }));
    expect(listeners.map(({ flushed }) => flushed.length)).to.deep.equal([1, 1]);
  });

  it('receive an event once, even if it matches several of their topics', () => {
    const { waiters, listeners } = setUp(audienceOf('me', routingKey.group(1), routingKey.user(7)));
    dispatch(waiters, event({ kind: 'joined', groupId: 1, userId: 7 }));
    expect(listeners[0]?.heard).to.have.length(1);
  });

  it('of one audience share one delivery, so that it is rendered once', () => {
    const shared = audienceOf('g', routingKey.group(1));
    const { waiters, listeners } = setUp(shared, shared, shared);
    dispatch(waiters, event({ groupId: 1 }));
    expect(new Set(listeners.map(({ flushed }) => flushed[0])).size).to.equal(1);
  });

  it('do not receive an event whose text was deleted', () => {
    const { waiters, listeners } = setUp(audienceOf('g', routingKey.group(1)));
    dispatch(waiters, event({ groupId: 1, json: null }));
    expect(listeners[0]?.flushed).to.deep.equal([]);
  });

  it("receive a group's events from the join up to the leave, both included", () => {
    const { waiters, listeners } = setUp(audienceOf('user:7', routingKey.user(7)));
    const moved = (kind: 'joined' | 'left') => event({ kind, groupId: 1, userId: 7 });
    const batch = [event({ groupId: 1 }), moved('joined'), event({ groupId: 1 }), moved('left'), event({ groupId: 1 })];
    const memberships = new MembershipCache();
    memberships.add(7, [], []);
    new EventDelivery(waiters, memberships).deliver(batch, '');
    expect(listeners[0]?.heard).to.deep.equal(batch.slice(1, 4).map((one) => one.position));
  });

  it('are counted, and found by their audience and key until they leave', () => {
    const waiters = new Waiters();
    const shared = audienceOf('g', routingKey.group(1));
    const [one, two] = [new Listener(shared), new Listener(shared)];
    for (const listener of [one, two, one]) waiters.add(listener);
    expect(waiters.size).to.equal(2);
    expect(waiters.has(one)).to.equal(true);
    expect(waiters.isAwaited(routingKey.group(1))).to.equal(true);
    for (const listener of [one, one, two, two]) waiters.remove(listener);
    expect(waiters.size).to.equal(0);
    expect(waiters.has(one)).to.equal(false);
    expect(waiters.isAwaited(routingKey.group(1))).to.equal(false);
    dispatch(waiters, event({ groupId: 1 }));
    expect([one.flushed, two.flushed]).to.deep.equal([[], []]);
  });

  it('leave no topic in the index, not even one that was added during the wait', () => {
    const waiters = new Waiters();
    const topics = new Set([routingKey.group(1)]);
    const audience: Audience = { id: 'u', routingKeys: () => topics, matches: () => true, groupName: () => null };
    const first = new Listener(audience);
    waiters.add(first);
    topics.add(routingKey.group(2));
    waiters.follow('u', routingKey.group(2));
    waiters.remove(first);
    const second = new Listener({ ...audience, routingKeys: () => [routingKey.group(3)] });
    waiters.add(second);
    dispatch(waiters, event({ groupId: 1 }), event({ groupId: 2 }));
    expect([first.flushed, second.flushed]).to.deep.equal([[], []]);
  });

  it('are all woken when the role changes', () => {
    const { waiters, listeners } = setUp(audienceOf('a', routingKey.group(1)), audienceOf('b'));
    waiters.wakeAll('role', 'e-33');
    expect(listeners.map(({ flushed }) => flushed)).to.deep.equal(
      listeners.map(({ audience }) => [{ reason: 'role', audience, events: [], cursor: 'e-33' }]),
    );
    expect(waiters.size).to.equal(2);
    expect(waiters.wakeUps).to.equal(1);
  });

  it('are woken with their last cursor and dropped when the log is replaced, streams too', () => {
    const { waiters, listeners } = setUp(audienceOf('a', routingKey.group(1)), audienceOf('b'));
    waiters.dismiss('e-33');
    expect(listeners.flatMap(({ flushed }) => flushed.map(({ reason, cursor }) => [reason, cursor]))).to.deep.equal([
      ['logReplaced', 'e-33'],
      ['logReplaced', 'e-33'],
    ]);
    expect(waiters.size).to.equal(0);
    dispatch(waiters, event({ groupId: 1 }), event({ kind: 'broadcast' }));
    expect(listeners.map(({ flushed }) => flushed.length)).to.deep.equal([1, 1]);
  });

  it("receive at most one response's worth of events, with the cursor of the last of them", () => {
    const { waiters, listeners } = setUp(audienceOf('g', routingKey.group(1)));
    const large = Array.from({ length: 10 }, () => event({ groupId: 1, json: 'x'.repeat(60 * 1024) }));
    dispatch(waiters, ...large);
    expect(listeners[0]?.heard).to.deep.equal(large.slice(0, 4).map((one) => one.position));
    expect(listeners[0]?.flushed[0]?.cursor).to.equal(large[3]?.cursor);
    const huge = event({ groupId: 1, json: 'x'.repeat(1024 * 1024) });
    dispatch(waiters, huge, event({ groupId: 1 }));
    expect(listeners[0]?.flushed[1]?.events, 'one alone goes whatever its size').to.deep.equal([huge]);
  });

  it('hold an audience while at least one of them waits for it', () => {
    let held = 0;
    const audience = { ...audienceOf('g'), hold: () => held++, release: () => held-- };
    const waiters = new Waiters();
    const [one, two] = [new Listener(audience), new Listener(audience)];
    for (const listener of [one, two]) waiters.add(listener);
    expect(held).to.equal(1);
    waiters.remove(one);
    expect(held).to.equal(1);
    waiters.remove(two);
    expect(held).to.equal(0);
    waiters.add(one);
    waiters.dismiss('');
    expect(held).to.equal(0);
  });
});

describe('A herd of waiters', () => {
  it('is flushed completely, in slices between which the event loop runs other work', async () => {
    const waiters = new Waiters();
    const shared = audienceOf('g', routingKey.group(1));
    const herd = Array.from({ length: 2000 }, () => new Listener(shared, waiters));
    for (const listener of herd) waiters.add(listener);
    dispatch(waiters, event({ groupId: 1 }));
    const flushedAtOnce = herd.filter(({ flushed }) => flushed.length > 0).length;
    expect(flushedAtOnce).to.be.within(1, 1000);
    for (let turns = 0; herd.some(({ flushed }) => flushed.length === 0); turns++) {
      expect(turns).to.be.below(100);
      await turn();
    }
    expect(herd.every(({ flushed }) => flushed.length === 1)).to.equal(true);
    expect(waiters.size).to.equal(0);
  });

  it('is staged in one turn, and only flushed in slices', () => {
    const waiters = new Waiters();
    const shared = audienceOf('g', routingKey.group(1));
    const herd = Array.from({ length: 600 }, () => new Listener(shared, waiters));
    for (const listener of herd) waiters.add(listener);
    dispatch(waiters, event({ groupId: 1 }));
    expect(waiters.size, 'polls have left').to.equal(0);
    expect(herd.every(({ staged, flushed }) => staged.length + flushed.length === 1)).to.equal(true);
    expect(herd.at(-1)?.flushed, 'flushed in a later slice').to.deep.equal([]);
  });

  it('is flushed completely even if one waiter throws', async () => {
    const waiters = new Waiters();
    const shared = audienceOf('g', routingKey.group(1));
    const herd = Array.from({ length: 600 }, () => new Listener(shared, waiters));
    for (const listener of herd) waiters.add(listener);
    const first = herd[0] as Listener;
    first.flush = () => {
      throw new Error('against its promise');
    };
    expect(() => dispatch(waiters, event({ groupId: 1 }))).to.throw('against its promise');
    for (let turns = 0; turns < 100 && herd.at(-1)?.flushed.length !== 1; turns++) await turn();
    expect(herd.slice(1).every(({ flushed }) => flushed.length === 1)).to.equal(true);
  });

  it('is flushed in order, the later batch after the earlier', async () => {
    const waiters = new Waiters();
    const shared = audienceOf('g', routingKey.group(1));
    const streams = Array.from({ length: 600 }, () => new Listener(shared));
    for (const stream of streams) waiters.add(stream);
    const [one, two] = [event({ groupId: 1 }), event({ groupId: 1 })];
    dispatch(waiters, one);
    dispatch(waiters, two);
    for (let turns = 0; turns < 100 && streams.some(({ flushed }) => flushed.length < 2); turns++) await turn();
    for (const { heard } of streams) expect(heard).to.deep.equal([one.position, two.position]);
  });
});
