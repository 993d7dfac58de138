import { EventEmitter } from 'node:events';
import { expect } from 'chai';
import type { Response } from 'express';
import { WaitingRoom } from '../../src/http/waiting-room.ts';

const response = () => Object.assign(new EventEmitter(), { destroyed: false }) as unknown as Response;

describe('The waiting room', () => {
  it('leaves places for others, however many one user asks for', () => {
    const room = new WaitingRoom(1000);
    const places = Array.from({ length: 200 }, response);
    for (const place of places) room.enter(place, 1);
    expect(() => room.enter(response(), 1))
      .to.throw('wait on this node already')
      .with.property('status', 429);
    room.enter(response(), 2);
    expect(room.size).to.equal(201);
    places[0]?.emit('close');
    room.enter(response(), 1);
    expect(room.size).to.equal(201);
  });

  it('has no share of a user where users are not known', () => {
    const room = new WaitingRoom(300);
    for (let places = 0; places < 300; places++) room.enter(response(), null);
    expect(() => room.enter(response(), null))
      .to.throw('as many polls wait')
      .with.property('status', 503);
  });
});
