import { expect } from 'chai';
import pino from 'pino';
import { JwksSource } from '../../../../src/chat/auth/jwt/jwks-source.ts';
import { eventually } from '../../../support/eventually.ts';
import { damagedKeys, JwtIssuer, refusal } from '../../../support/network/jwt-issuer.ts';
import { collectGarbage } from '../../../support/run/collect-garbage.ts';

const log = pino({ level: 'silent' });

describe('The keys of a sign-in service', () => {
  let issuer: JwtIssuer;
  let source: JwksSource;
  let removed: number;
  const limits = { fetchMs: 5000, refreshMs: 60_000, unknownKeyMs: 60_000, firstRetryMs: 20, lastRetryMs: 50 };
  const start = (own: Partial<typeof limits> = {}) => {
    removed = 0;
    source = new JwksSource({ url: issuer.url, log, onKeysRemoved: () => removed++, limits: { ...limits, ...own } });
    source.start();
  };
  const find = (kid: string) =>
    refusal(Promise.resolve(source.key({ alg: 'ES256', kid }, { payload: '', signature: '' })));

  beforeEach(async () => {
    issuer = await JwtIssuer.start();
  });
  afterEach(async () => {
    source.stop();
    await issuer.stop();
  });

  it('are not trusted if the response is slow, endless, huge, no key set or without public keys', async () => {
    const json = (value: unknown) => (response: import('node:http').ServerResponse) =>
      void response.end(JSON.stringify(value));
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'first', alg: 'HS256' };
    for (const [what, respond] of [
      ['slow', () => {}],
      ['endless', (response) => void setInterval(() => response.write('['), 5).unref()],
      ['huge', (response) => void response.end(Buffer.alloc(20_000_000, 'x'))],
      ['an error', (response) => void response.writeHead(500).end('{}')],
      ['a redirect', (response) => void response.writeHead(302, { location: issuer.url }).end()],
      ['no JSON', (response) => void response.end('<html>')],
      ['null', json(null)],
      ['no list', json({ keys: {} })],
      ['no keys', json({ keys: [] })],
      ['secret keys', json({ keys: [secret, null, 7] })],
      ['damaged keys', json({ keys: damagedKeys() })],
      ['a connection that breaks', (response) => void response.destroy()],
    ] as [string, JwtIssuer['respond']][]) {
      issuer.respond = respond;
      start({ fetchMs: 100 });
      expect(await find('first'), what).to.match(/^KeysUnavailableError/);
      source.stop();
    }
    start();
    issuer.respond = null;
    await eventually('they are fetched', async () => (await find('first')) === 'accepted');
  });

  it('are fetched again after a fetch without a response, although garbage was collected meanwhile', async () => {
    // Node.js may collect a signal of AbortSignal.timeout() that only AbortSignal.any() refers to. It then never fires.
    await expectFetchedAgainAfter(() => {});
  });

  it('are fetched again after a response that stalls, even if garbage is collected in the meantime', async () => {
    await expectFetchedAgainAfter((response) => void response.writeHead(200).write('{'));
  });

  async function expectFetchedAgainAfter(respond: JwtIssuer['respond']): Promise<void> {
    issuer.respond = respond;
    const stopCollecting = collectGarbage();
    try {
      start({ fetchMs: 100 });
      await eventually('they are requested', () => issuer.fetches === 1);
      issuer.respond = null;
      // Patient, because the collections of garbage take the processor from everything else.
      await eventually('they are fetched', async () => (await find('first')) === 'accepted', { within: 20_000 });
    } finally {
      stopCollecting();
    }
  }

  it('continue to work while the service is down, and are fetched again with growing waits', async () => {
    start({ refreshMs: 20 });
    expect(await find('first')).to.equal('accepted');
    issuer.respond = (response) => void response.writeHead(503).end();
    const before = issuer.fetches;
    await eventually('it is tried again', async () => issuer.fetches > before + 2);
    expect(await find('first')).to.equal('accepted');
    issuer.respond = null;
    const since = issuer.fetches;
    await eventually('it is fetched again', async () => issuer.fetches > since);
    expect(await find('first')).to.equal('accepted');
  });

  it('can change: an unknown key is fetched at once, and a removed key is no longer accepted', async () => {
    start({ unknownKeyMs: 0 });
    expect(await find('first')).to.equal('accepted');
    await issuer.addKey('second');
    expect(await find('second')).to.equal('accepted');
    expect(removed).to.equal(0);
    issuer.removeKey('first');
    await issuer.addKey('third');
    expect(await find('third')).to.equal('accepted');
    expect(removed).to.equal(1);
    expect(await find('first')).to.match(/no applicable key/);
  });

  it('are not fetched for each of many unknown ones', async () => {
    start();
    expect(await find('first')).to.equal('accepted');
    const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => find(`unknown-${n}`)));
    expect(new Set(answers).size).to.equal(1);
    expect(issuer.fetches).to.equal(1);
  });
});
