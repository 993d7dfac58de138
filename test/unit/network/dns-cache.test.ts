import type { LookupAddress } from 'node:dns';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { DnsCache } from '../../../src/network/dns-cache.ts';
import { eventually } from '../../support/eventually.ts';

const LOOPBACK: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];
const BOTH: LookupAddress[] = [{ address: '::1', family: 6 }, ...LOOPBACK];

/** A DNS that responds when the test says so. */
class FakeDns {
  readonly asked: string[] = [];
  readonly #open = new Map<string, { resolve: (found: LookupAddress[]) => void; reject: (error: Error) => void }>();

  readonly resolve = (name: string): Promise<LookupAddress[]> => {
    this.asked.push(name);
    return new Promise((resolve, reject) => this.#open.set(name, { resolve, reject }));
  };

  responds(name: string, found: LookupAddress[]): void {
    this.#open.get(name)?.resolve(found);
  }

  fails(name: string, code: string): void {
    this.#open.get(name)?.reject(Object.assign(new Error(code), { code }));
  }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'found',
    (error) => error.code,
  );

describe('The DNS cache', () => {
  let dns: FakeDns;
  beforeEach(() => {
    dns = new FakeDns();
  });

  it('asks once for a name that is not answered, however often it is needed', async () => {
    const names = new DnsCache(2, dns.resolve);
    const all = [names.find('dead'), names.find('dead'), names.find('dead')];
    expect(dns.asked).to.deep.equal(['dead']);
    dns.responds('dead', LOOPBACK);
    expect(await Promise.all(all)).to.deep.equal([LOOPBACK, LOOPBACK, LOOPBACK]);
    void names.find('dead');
    expect(dns.asked).to.deep.equal(['dead', 'dead']);
  });

  it('asks for no more names at a time than it may, and then for the next one, also after a failure', async () => {
    const names = new DnsCache(1, dns.resolve);
    const [first, second, third] = ['dead-1', 'dead-2', 'alive'].map((name) => codeOf(names.find(name)));
    expect(dns.asked).to.deep.equal(['dead-1']);
    dns.fails('dead-1', 'EAI_AGAIN');
    expect(await first).to.equal('EAI_AGAIN');
    await eventually('the second is asked for', () => dns.asked.length === 2);
    dns.fails('dead-2', 'ENOTFOUND');
    expect(await second).to.equal('ENOTFOUND');
    await eventually('the third is asked for', () => dns.asked.length === 3);
    dns.responds('alive', LOOPBACK);
    expect(await third).to.equal('found');
  });

  it('uses the last addresses of a name while the DNS does not respond, and after a temporary failure', async () => {
    const names = new DnsCache(1, dns.resolve);
    const first = names.find('db');
    dns.responds('db', LOOPBACK);
    await first;
    expect(await names.find('db')).to.deep.equal(LOOPBACK);
    dns.fails('db', 'EAI_AGAIN');
    expect(await names.find('db')).to.deep.equal(LOOPBACK);
  });

  it('uses the new addresses of a name as soon as they are known', async () => {
    const names = new DnsCache(1, dns.resolve);
    const first = names.find('db');
    dns.responds('db', LOOPBACK);
    await first;
    const second = names.find('db');
    dns.responds('db', BOTH);
    expect(await second).to.deep.equal(BOTH);
  });

  it('does not use the addresses of a name that no longer exists', async () => {
    const names = new DnsCache(1, dns.resolve);
    const first = names.find('db');
    dns.responds('db', LOOPBACK);
    await first;
    const second = codeOf(names.find('db'));
    dns.fails('db', 'ENOTFOUND');
    expect(await second).to.equal('ENOTFOUND');
  });

  for (const autoSelectFamily of [true, false]) {
    it(`finds the host of an HTTP request${autoSelectFamily ? ', with all its addresses' : ''}`, async () => {
      const server = http.createServer((_request, response) => response.end('here'));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const names = new DnsCache(1, async () => (autoSelectFamily ? BOTH : LOOPBACK));
      const agent = new http.Agent({ lookup: names.lookup, autoSelectFamily } as http.AgentOptions);
      const status = await new Promise((resolve, reject) => {
        const request = http.get({ host: 'node.invalid', port, agent }, (response) => resolve(response.statusCode));
        request.on('error', reject);
      });
      expect(status).to.equal(200);
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }
});
