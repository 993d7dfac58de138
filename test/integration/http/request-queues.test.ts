import { expect } from 'chai';
import { allRoutes } from '../../../src/http/routes/index.ts';
import { unusedServices } from '../../support/nodes/unused-services.ts';

describe('The queues of requests', () => {
  it('do not hold requests that take many steps or wait by design: five of them would keep all others out', () => {
    const routes = allRoutes(unusedServices());
    const unqueued = (method: string, path: string) =>
      routes.find((route) => route.method === method && route.path === path)?.unqueued;
    for (const [method, path] of [
      ['delete', '/groups'],
      ['post', '/delete-account'],
      ['post', '/read'],
      ['post', '/messages'],
      ['post', '/login'],
    ] as const) {
      expect(unqueued(method, path), `${method} ${path}`).to.equal(true);
    }
    expect(unqueued('get', '/messages')).to.equal(undefined);
  });
});
