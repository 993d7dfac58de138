import { expect } from 'chai';
import { pauseRoutes } from '../../../../src/http/routes/cluster/pause-routes.ts';
import type { Call } from '../../../../src/http/routes/route.ts';
import type { Services } from '../../../../src/http/services.ts';

describe('POST /resume', () => {
  /** Returns the response when plantao.resume() returns `message`, while every other statement still sees a pause. */
  async function responseTo(message: string): Promise<unknown> {
    const sequelize = { query: async () => [{ message, paused: true }] };
    const routes = pauseRoutes({ sequelize, authMode: 'open' } as unknown as Services);
    const resume = routes.find(({ path }) => path === '/resume');
    const request = { socket: { remoteAddress: '127.0.0.1' }, app: { get: () => () => false }, get: () => undefined };
    const result = await resume?.handle({ input: {}, request } as unknown as Call<never>);
    return result?.body;
  }

  it('takes was_paused from the statement that ends the pause: another client may have ended it just before', async () => {
    for (const [message, was_paused] of [
      ['failover is possible again', true],
      ['failover was not paused', false],
    ] as const) {
      expect(await responseTo(message)).to.deep.equal({ message, was_paused });
    }
  });
});
