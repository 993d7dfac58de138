import { expect } from 'chai';
import { GroupOrNameAudience, UserAudience } from '../../../../src/chat/delivery/audiences.ts';
import type { Memberships } from '../../../../src/chat/delivery/membership-cache.ts';
import { membershipsBefore } from '../../../../src/chat/delivery/membership-order.ts';
import { replay } from '../../../../src/chat/delivery/replay.ts';
import type { LogEvent } from '../../../../src/events/log-event.ts';
import { logEvents } from '../../../support/log-event.ts';

const ME = 7;
const OTHER = 8;
const event = logEvents();
const joined = (groupId: number, userId = ME) => event({ kind: 'joined', groupId, userId });
const left = (groupId: number, userId = ME) => event({ kind: 'left', groupId, userId });
const message = (groupId: number) => event({ groupId });
const membershipsOf = (...groups: number[]): Memberships => ({
  userId: ME,
  groups: new Map(groups.map((id) => [id, { name: `g${id}` }])),
  holders: 0,
});

describe('membershipsBefore', () => {
  const moves = (...all: [LogEvent['kind'], number][]) => all.map(([kind, groupId]) => ({ kind, groupId }));

  it('returns the groups that a user was in before the changes', () => {
    expect([...membershipsBefore(new Set([1, 2]), moves(['joined', 2]))]).to.deep.equal([1]);
    expect([...membershipsBefore(new Set([1]), moves(['left', 3]))]).to.have.members([1, 3]);
    expect([...membershipsBefore(new Set([1]), [])]).to.deep.equal([1]);
  });

  it('undoes the changes from the last to the first', () => {
    expect([...membershipsBefore(new Set([1]), moves(['joined', 1], ['left', 1], ['joined', 1]))]).to.deep.equal([]);
    expect([...membershipsBefore(new Set([]), moves(['left', 1], ['joined', 1], ['left', 1]))]).to.deep.equal([1]);
  });

  it('ignores events that are not a join or a leave of a group', () => {
    expect([
      ...membershipsBefore(new Set([1]), [
        { kind: 'message', groupId: 1 },
        { kind: 'joined', groupId: null },
      ]),
    ]).to.deep.equal([1]);
  });
});

describe('replay', () => {
  it("matches a group from the user's own join to the user's own leave, both included", () => {
    const events = [message(1), joined(1), message(1), left(1), message(1)];
    const heard = replay(new UserAudience(membershipsOf()), events, new Set());
    expect(heard).to.deep.equal(events.slice(1, 4));
  });

  it('uses the memberships at the time of each event, not the current ones', () => {
    const events = [message(1), left(1), message(1)];
    expect(replay(new UserAudience(membershipsOf()), events, new Set([1]))).to.deep.equal(events.slice(0, 2));
  });

  it('matches joins and leaves of others for members only', () => {
    const events = [joined(1, OTHER), joined(2, OTHER), left(1, OTHER)];
    expect(replay(new UserAudience(membershipsOf(1)), events, new Set([1]))).to.deep.equal([events[0], events[2]]);
  });

  it('skips messages whose text was deleted', () => {
    const events = [event({ groupId: 1, json: null }), message(1)];
    expect(replay(new UserAudience(membershipsOf(1)), events, new Set([1]))).to.deep.equal([events[1]]);
  });

  it('matches a broadcast for every audience', () => {
    const events = [event({ kind: 'broadcast' })];
    expect(replay(new UserAudience(membershipsOf()), events, new Set())).to.deep.equal(events);
    expect(replay(new GroupOrNameAudience('x', null), events, new Set())).to.deep.equal(events);
  });

  it("matches a name's topic and groups for anyone if memberships do not count", () => {
    const topic = event({ kind: 'notification', topic: 'x' });
    const named = event({ groupId: 1, groupName: 'x' });
    const events = [topic, named, message(2), event({ kind: 'notification', topic: 'y' })];
    expect(replay(new GroupOrNameAudience('x', null), events, new Set())).to.deep.equal([topic, named]);
  });

  it("matches a name's groups for members only, and its topic for anyone", () => {
    const topic = event({ kind: 'notification', topic: 'x', groupId: 2 });
    const events = [message(1), left(1), message(1), topic].map((one) => ({ ...one, groupName: 'x' }));
    const audience = new GroupOrNameAudience('x', membershipsOf());
    expect(replay(audience, events, new Set([1]))).to.deep.equal([events[0], events[1], events[3]]);
  });

  it('matches one group by its id, and for a member only during membership', () => {
    const events = [message(1), message(2), left(1), message(1), event({ kind: 'notification', topic: '1' })];
    expect(replay(new GroupOrNameAudience(1, null), events, new Set())).to.deep.equal([
      events[0],
      events[2],
      events[3],
    ]);
    expect(replay(new GroupOrNameAudience(1, membershipsOf()), events, new Set([1]))).to.deep.equal([
      events[0],
      events[2],
    ]);
  });
});
