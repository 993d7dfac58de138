import { expect } from 'chai';
import { createApp } from '../../../src/http/app.ts';
import { HttpServer } from '../../../src/http/http-server.ts';
import type { Services } from '../../../src/http/services.ts';
import { RawClient } from '../../support/network/raw-client.ts';
import { unusedServices } from '../../support/nodes/unused-services.ts';

describe('A target in absolute form', () => {
  let server: HttpServer;
  let url: string;
  before(async () => {
    const own = { trustProxy: null };
    const services = new Proxy(unusedServices(), {
      get: (others, name) => (name in own ? null : Reflect.get(others, name)),
    }) as Services;
    server = new HttpServer(createApp(services), 10);
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  after(() => server.close());

  const heardFor = async (target: string) => {
    const client = await RawClient.open(url);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`).closed();
    return client;
  };

  it('is refused as every other error if its host or its port is not valid, without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    for (const target of ['http://[::1/', 'http://xn--/', 'http://a:b/', 'http://a:99999/x', 'https://[/']) {
      const { statuses, heard } = await heardFor(target);
      expect(statuses, target).to.deep.equal([400]);
      expect(heard, target).to.match(/^content-type: application\/json/im);
      expect(heard, target).to.match(/^x-request-id: \S/im);
      expect(heard, target).to.match(/^x-content-type-options: nosniff/im);
      expect(heard, target).to.include('"code":"invalid_request"');
    }
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
  });

  it('is served if it is valid', async () => {
    for (const target of ['http://localhost/none', 'HTTP://localhost:1/none', '/none', 'http://[::1]:80/none']) {
      expect((await heardFor(target)).statuses, target).to.deep.equal([404]);
    }
  });
});
