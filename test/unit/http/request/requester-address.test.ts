import { expect } from 'chai';
import type { Request } from 'express';
import { controlRoutes } from '../../../../src/http/routes/cluster/control-routes.ts';
import { logLevelRoutes } from '../../../../src/http/routes/cluster/log-level-routes.ts';
import type { Call, Route } from '../../../../src/http/routes/route.ts';
import type { Services } from '../../../../src/http/services.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

describe('The address of an operator, in the log and in the history', () => {
  const reported: unknown[] = [];
  const given: Record<string, unknown> = {
    authMode: 'open',
    logLevel: { current: 'info', set: (_: string, reason: string) => reported.push(reason) },
    cluster: {
      async switchover(_: unknown, requester: object) {
        reported.push(requester);
        return null;
      },
    },
  };
  const services = new Proxy(unusedServices(), {
    get: (others, name) => given[String(name)] ?? Reflect.get(others, name),
  }) as Services;

  /** Calls a route through a trusted proxy that adds `forwarded`, which Express uses as the address unchecked. */
  const call = async (routes: Route[], path: string, forwarded: string, remoteAddress: string | undefined) => {
    reported.length = 0;
    const request = {
      app: { get: () => () => true },
      get: () => forwarded,
      ip: forwarded,
      socket: { remoteAddress },
    } as unknown as Request;
    const route = routes.find((one) => one.path === path);
    await route?.handle({ input: { level: 'info', to: null }, request } as Call<unknown>);
    return reported[0];
  };

  it('is the one that a trusted proxy adds', async () => {
    expect(await call(logLevelRoutes(services), '/log-level', '203.0.113.1', '127.0.0.1')).to.match(/ 203\.0\.113\.1$/);
    const requester = await call(controlRoutes(services), '/switchover', '203.0.113.1:4711', '127.0.0.1');
    expect(requester).to.deep.equal({ name: 'HTTP client 203.0.113.1', address: '203.0.113.1' });
  });

  it('is never text that is not an address', async () => {
    const rubbish = "x'; DROP TABLE\n";
    expect(await call(logLevelRoutes(services), '/log-level', rubbish, '127.0.0.1')).to.match(/ 127\.0\.0\.1$/);
    expect(await call(controlRoutes(services), '/switchover', rubbish, '127.0.0.1')).to.deep.equal({
      name: 'HTTP client 127.0.0.1',
      address: '127.0.0.1',
    });
    expect(await call(controlRoutes(services), '/switchover', rubbish, undefined)).to.deep.equal({
      name: 'HTTP client unknown',
      address: null,
    });
  });
});
