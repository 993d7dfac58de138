import { expect } from 'chai';
import { PollSlots } from '../../src/http/delivery/poll-slots.ts';
import { RequestLifetime } from '../../src/http/request/request-lifetime.ts';

describe('The waiting room', () => {
  it('leaves places for others, however many one user asks for', () => {
    const room = new PollSlots(1000);
    const places = Array.from({ length: 200 }, () => new RequestLifetime());
    for (const place of places) room.reserve(place, 1);
    expect(() => room.reserve(new RequestLifetime(), 1))
      .to.throw('wait on this node already')
      .with.property('status', 429);
    room.reserve(new RequestLifetime(), 2);
    expect(room.size).to.equal(201);
    places[0]?.end();
    room.reserve(new RequestLifetime(), 1);
    expect(room.size).to.equal(201);
  });

  it('has no share of a user where users are not known', () => {
    const room = new PollSlots(300);
    for (let places = 0; places < 300; places++) room.reserve(new RequestLifetime(), null);
    expect(() => room.reserve(new RequestLifetime(), null))
      .to.throw('as many polls wait')
      .with.property('status', 503);
  });
});
