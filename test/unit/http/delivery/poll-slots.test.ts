import { expect } from 'chai';
import { PollSlots } from '../../../../src/http/delivery/poll-slots.ts';
import { RequestLifetime } from '../../../../src/http/request/request-lifetime.ts';

describe('Poll slots', () => {
  it('limit one user, so that others find a slot', () => {
    const room = new PollSlots(1000);
    const lifetimes = Array.from({ length: 200 }, () => new RequestLifetime());
    for (const lifetime of lifetimes) room.reserve(lifetime, 1);
    expect(() => room.reserve(new RequestLifetime(), 1))
      .to.throw('polls and streams on this node')
      .with.property('status', 429);
    room.reserve(new RequestLifetime(), 2);
    expect(room.size).to.equal(201);
    lifetimes[0]?.end();
    room.reserve(new RequestLifetime(), 1);
    expect(room.size).to.equal(201);
  });

  it('do not limit a user if users are not authenticated', () => {
    const room = new PollSlots(300);
    for (let lifetimes = 0; lifetimes < 300; lifetimes++) room.reserve(new RequestLifetime(), null);
    expect(() => room.reserve(new RequestLifetime(), null))
      .to.throw('as many polls as it can')
      .with.property('status', 503);
  });
});
