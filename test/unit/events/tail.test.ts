import { expect } from 'chai';
import type { LogEvent } from '../../../src/events/log-event.ts';
import { Tail } from '../../../src/events/reading/tail.ts';
import { routingKey } from '../../../src/events/routing-keys.ts';
import { logEvent } from '../../support/log-event.ts';

const positions = (events: LogEvent[]) => events.map(({ position }) => position);

describe('The tail of the log', () => {
  it('starts empty after a position', () => {
    const tail = new Tail(41);
    expect(tail.start).to.equal(41);
    expect(tail.after(41, [routingKey.everyone, routingKey.group(1)])).to.deep.equal([]);
  });

  it('returns the events of the requested routing keys after a position, in order', () => {
    const tail = new Tail(0);
    tail.append(logEvent(1, { groupId: 1 }));
    tail.append(logEvent(2, { groupId: 2 }));
    tail.append(logEvent(3, { topic: 'default', kind: 'notification' }));
    tail.append(logEvent(4, { kind: 'broadcast' }));
    tail.append(logEvent(5, { groupId: 1 }));
    expect(positions(tail.after(0, [routingKey.group(1)]))).to.deep.equal([1, 5]);
    expect(positions(tail.after(1, [routingKey.group(1)]))).to.deep.equal([5]);
    expect(positions(tail.after(5, [routingKey.group(1)]))).to.deep.equal([]);
    const all = [routingKey.everyone, routingKey.name('default'), routingKey.group(2), routingKey.group(1)];
    expect(positions(tail.after(0, all))).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('returns an event once, even if several keys match', () => {
    const tail = new Tail(0);
    tail.append(logEvent(1, { kind: 'joined', groupId: 1, userId: 7 }));
    tail.append(logEvent(2, { kind: 'notification', groupId: 1, topic: 'x' }));
    const found = tail.after(0, [routingKey.group(1), routingKey.user(7), routingKey.name('x'), routingKey.group(1)]);
    expect(positions(found)).to.deep.equal([1, 2]);
  });

  it('returns the first events up to a limit', () => {
    const tail = new Tail(0);
    for (let position = 1; position <= 100; position++) tail.append(logEvent(position, { groupId: position % 2 }));
    const both = [routingKey.group(0), routingKey.group(1)];
    expect(positions(tail.after(10, both, 3))).to.deep.equal([11, 12, 13]);
    expect(positions(tail.after(98, both, 3))).to.deep.equal([99, 100]);
  });

  it("finds a group's events by the name that the group had then", () => {
    const tail = new Tail(0);
    tail.append(logEvent(1, { groupId: 1, groupName: 'x' }));
    tail.append(logEvent(2, { kind: 'notification', groupId: 1, groupName: 'x', topic: 'x' }));
    tail.append(logEvent(3, { groupId: 1, groupName: 'y' }));
    expect(positions(tail.after(0, [routingKey.name('x')]))).to.deep.equal([1, 2]);
  });

  it('distinguishes a group, a user and a topic of the same text', () => {
    const tail = new Tail(0);
    tail.append(logEvent(1, { groupId: 7 }));
    tail.append(logEvent(2, { kind: 'joined', groupId: 8, userId: 7 }));
    tail.append(logEvent(3, { kind: 'notification', topic: '7' }));
    tail.append(logEvent(4, { kind: 'notification', topic: 'g:7' }));
    tail.append(logEvent(5, { kind: 'notification', topic: '*' }));
    expect(positions(tail.after(0, [routingKey.group(7)]))).to.deep.equal([1]);
    expect(positions(tail.after(0, [routingKey.user(7)]))).to.deep.equal([2]);
    expect(positions(tail.after(0, [routingKey.name('7')]))).to.deep.equal([3]);
    expect(positions(tail.after(0, [routingKey.everyone]))).to.deep.equal([]);
  });

  it('removes the text of a deleted message, and of no other', () => {
    const tail = new Tail(0);
    const message = (position: number, messageId: number) =>
      logEvent(position, { groupId: 1, messageId, message: '{"content":"secret"}' });
    tail.append(message(1, 10));
    tail.append(message(2, 11));
    tail.append(logEvent(3, { kind: 'message_deleted', groupId: 1, messageId: 10 }));
    const [deleted, kept, deletion] = tail.after(0, [routingKey.group(1)]);
    expect(deleted).to.include({ position: 1, json: null, message: null });
    expect(kept).to.include({ position: 2, message: '{"content":"secret"}' });
    expect(deletion?.json).to.equal('{"n":3}');
  });

  it('limits the number of events, and knows from where on it is complete', () => {
    const tail = new Tail(0);
    for (let position = 1; position <= 50_000; position++) tail.append(logEvent(position, { groupId: position % 3 }));
    expect(tail.start).to.be.within(30_000, 49_000);
    const kept = tail.after(tail.start, [0, 1, 2].map(routingKey.group));
    expect(positions(kept)).to.deep.equal(
      Array.from({ length: 50_000 - tail.start }, (_, index) => tail.start + 1 + index),
    );
  });

  it('limits the number of characters', () => {
    const tail = new Tail(0);
    const json = 'x'.repeat(1024 * 1024);
    for (let position = 1; position <= 100; position++) tail.append(logEvent(position, { groupId: 1, json }));
    const kept = tail.after(tail.start, [routingKey.group(1)]);
    expect(kept.length).to.be.within(16, 32);
    expect(kept.at(-1)?.position).to.equal(100);
  });

  it('is complete from its start on, even if a single event exceeds its limit', () => {
    const tail = new Tail(0);
    tail.append(logEvent(1, { groupId: 1 }));
    tail.append(logEvent(2, { groupId: 1, json: 'x'.repeat(40 * 1024 * 1024) }));
    tail.append(logEvent(3, { groupId: 1 }));
    const kept = tail.after(tail.start, [routingKey.group(1)]);
    expect(positions(kept)).to.deep.equal(Array.from({ length: 3 - tail.start }, (_, index) => tail.start + 1 + index));
  });
});
