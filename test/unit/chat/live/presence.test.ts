import { expect } from 'chai';
import { Presence, TICK_MS } from '../../../../src/chat/live/presence.ts';
import { MAX_ONLINE } from '../../../../src/chat/live/signal.ts';

describe('Presence', () => {
  it('shows the maximum number of users as online while they stay connected', () => {
    let now = 0;
    const presence = new Presence(() => now);
    const connected = Array.from({ length: MAX_ONLINE }, (_, at) => at + 1);
    for (const ticks of [0, 3, 3]) {
      now += ticks * TICK_MS;
      presence.tick(connected);
      expect(presence.users.size, `after ${now} ms`).to.equal(MAX_ONLINE);
    }
  });
});
