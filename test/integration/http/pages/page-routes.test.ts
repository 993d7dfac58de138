import { expect } from 'chai';
import { pageRoutes } from '../../../../src/http/routes/page-routes.ts';
import type { Call } from '../../../../src/http/routes/route.ts';
import type { Services } from '../../../../src/http/services.ts';
import type { Asset } from '../../../../src/web/assets.ts';
import { errorOf } from '../../../support/error-of.ts';
import { unusedServices } from '../../../support/nodes/unused-services.ts';

describe('The pages', () => {
  it('are created again by the next request if that failed, and only once if it worked', async function () {
    // esbuild compiles the pages.
    this.timeout(20_000);
    let attempts = 0;
    const services: Services = Object.defineProperty(Object.create(unusedServices()), 'version', {
      get: () => {
        attempts += 1;
        if (attempts === 1) throw new Error('no file can be opened');
        return '1.2.3';
      },
    });
    const sent: Asset[] = [];
    const routes = pageRoutes(services, [], async (_request, _response, asset) => void sent.push(asset));
    const request = (path: string) =>
      Promise.resolve(routes.find((one) => one.path === path)?.handle({} as unknown as Call<never>));
    expect(await errorOf(request('/docs'))).to.have.property('message', 'no file can be opened');
    await request('/docs');
    await request('/openapi.json');
    expect(sent.map(({ contentType }) => contentType)).to.deep.equal([
      'text/html; charset=utf-8',
      'application/json; charset=utf-8',
    ]);
    expect(attempts).to.equal(2);
  });
});
