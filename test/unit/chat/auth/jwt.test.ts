import { createHmac, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { exportSPKI } from 'jose';
import pino from 'pino';
import { JwksSource } from '../../../../src/chat/auth/jwt/jwks-source.ts';
import { JwtVerifier, looksLikeJwt } from '../../../../src/chat/auth/jwt/jwt-verifier.ts';
import { settingsWarnings } from '../../../../src/settings/warnings.ts';
import { readSettings, type SettingsError } from '../../../../src/settings.ts';
import { eventually } from '../../../support/eventually.ts';
import { AUDIENCE, ISSUER, JwtIssuer } from '../../../support/network/jwt-issuer.ts';
import { collectGarbage } from '../../../support/run/collect-garbage.ts';

const log = pino({ level: 'silent' });
const settingsOf = (env: Record<string, string>) =>
  readSettings({
    DATABASE_URL: 'postgres://localhost/chat',
    AUTH: 'token',
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    ...env,
  });
/** Keys of each kind that no signature can be checked with, under the id of the good one. */
const damagedKeys = () => [
  { kty: 'RSA', kid: 'first', n: '', e: '' },
  { kty: 'RSA', kid: 'first', alg: 'ES256' },
  { kty: 'RSA', kid: 'first', n: 5, e: {} },
  { kty: 'EC', kid: 'first', crv: 'P-999', x: 'a', y: 'b' },
  { kty: 'OKP', kid: 'first', crv: 'Ed25519', x: 'AA' },
  { ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }), kid: 'first' },
];
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error) => `${error.name}: ${error.message}`,
  );

describe('A JWT', () => {
  let issuer: JwtIssuer;
  let verifier: JwtVerifier;
  before(async () => {
    issuer = await JwtIssuer.start();
    await issuer.addKey('rsa', 'RS256');
    await issuer.addKey('ed', 'EdDSA');
    const { jwt } = settingsOf({ JWT_JWKS_URL: issuer.url });
    if (!jwt) throw new Error('JWTs are off');
    verifier = new JwtVerifier(jwt, log, () => {});
    verifier.start();
  });
  after(async () => {
    verifier.stop();
    await issuer.stop();
  });

  it('is accepted with each kind of key, and with none named', async () => {
    for (const kid of ['first', 'rsa', 'ed']) {
      const { subject, names } = await verifier.verify(await issuer.token('u1', { preferred_username: 'Ana' }, kid));
      expect([subject, names[0]]).to.deep.equal(['u1', 'Ana']);
      expect((await verifier.verify(await issuer.token('u1', {}, kid, false))).subject).to.equal('u1');
    }
  });

  it('is accepted, with a key named or none, while keys of the set are damaged', async () => {
    const shorter = damagedKeys().map((key) => ({ ...key, kid: 'rsa' }));
    const service = await JwtIssuer.start();
    let checks: JwtVerifier | null = null;
    try {
      await service.addKey('rsa', 'RS256');
      await service.addKey('other', 'RS256');
      const keys = [...damagedKeys(), ...shorter, ...service.keySet.keys];
      service.answer = (response) => void response.end(JSON.stringify({ keys }));
      const { jwt } = settingsOf({ JWT_JWKS_URL: service.url });
      if (!jwt) throw new Error('JWTs are off');
      checks = new JwtVerifier(jwt, log, () => {});
      checks.start();
      for (const kid of ['first', 'rsa', 'other']) {
        for (const isNamed of [true, false]) {
          const { subject } = await checks.verify(await service.token('u1', {}, kid, isNamed));
          expect(subject).to.equal('u1');
        }
      }
      const late = service.token('u1', { exp: now() - 60 }, 'other', false);
      expect(await refusal(checks.verify(await late))).to.equal('JwtRefusedError: it has expired');
    } finally {
      (checks as JwtVerifier | null)?.stop();
      await service.stop();
    }
  });

  it('is refused if it has no signature, or one that is made with the public key', async () => {
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'u1', exp: now() + 600 };
    const publicKey = await exportSPKI(issuer.pairOf('rsa').publicKey);
    const unsigned = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(claims)}`;
    const forged = `${unsigned}.${createHmac('sha256', publicKey).update(unsigned).digest('base64url')}`;
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await refusal(verifier.verify(`${part({ alg })}.${part(claims)}.`)), alg).to.match(/^JwtRefusedError/);
      expect(await refusal(verifier.verify(`${part({ alg })}.${part(claims)}.x`)), alg).to.match(/^JwtRefusedError/);
    }
    expect(await refusal(verifier.verify(forged))).to.equal('JwtRefusedError: its algorithm is not allowed');
    const [head, , signature] = (await issuer.token('u1')).split('.');
    expect(await refusal(verifier.verify(`${head}.${part({ ...claims, sub: 'u2' })}.${signature}`))).to.match(
      /signature/,
    );
    for (const text of ['a.b.c', '..', 'e30.e30.e30', `${part({ alg: 'ES256', crit: ['x'], x: 1 })}.e30.x`]) {
      expect(await refusal(verifier.verify(text)), text).to.match(/^JwtRefusedError/);
    }
  });

  it('is refused if its claims are not those of the settings', async () => {
    const cases: [what: string, claims: Record<string, unknown>, why: RegExp][] = [
      ['expired', { exp: now() - 60 }, /expired/],
      ['never expires', { exp: undefined }, /exp/],
      ['not yet valid', { nbf: now() + 600 }, /nbf/],
      ['another issuer', { iss: 'https://evil.example' }, /iss/],
      ['another audience', { aud: 'another-app' }, /aud/],
      ['no audience', { aud: undefined }, /aud/],
      ['no subject', { sub: undefined }, /sub/],
      ['no time of issue', { iat: undefined }, /iat/],
      ['issued in the future, so that it could not be revoked', { iat: now() + 60 }, /iat is in the future/],
      ['issued in the year 285,000,000', { iat: 9e15 }, /iat is in the future/],
      ['an empty subject', { sub: '' }, /subject/],
      ['a long subject', { sub: 'x'.repeat(256) }, /subject/],
      ['a subject that PostgreSQL cannot store', { sub: 'a\0b' }, /subject/],
      ['a time that is text', { exp: 'tomorrow' }, /exp|signature/],
    ];
    for (const [what, claims, why] of cases) {
      const token = await issuer.token('u1', claims as Record<string, never>);
      expect(await refusal(verifier.verify(token)), what)
        .to.match(/^JwtRefusedError/)
        .and.match(why);
    }
    const later = now() + 2;
    const ahead = await issuer.token('u1', { aud: ['another-app', AUDIENCE], iat: later });
    expect((await verifier.verify(ahead)).issuedAt, 'of a clock that is ahead').to.equal(later);
    expect((await verifier.verify(await issuer.token('u1', { iat: -1 }))).issuedAt).to.equal(0);
  });

  it('names its user by a claim only if that is a valid name', async () => {
    const namesOf = async (name: unknown) =>
      (await verifier.verify(await issuer.token('u7', { preferred_username: name }))).names;
    const [, numbered, last] = await namesOf('Ana');
    expect(numbered).to.match(/^Ana-[0-9a-f]{6}$/);
    expect(last).to.match(/^user-[0-9a-f]{24}$/);
    expect((await namesOf('  Ana   Lima '))[0]).to.equal('Ana Lima');
    for (const name of [
      '',
      ' ',
      7,
      null,
      undefined,
      ['x'],
      'x'.repeat(65),
      'a\u202eb',
      '🪝 Backup',
      'x'.repeat(100_000),
    ]) {
      const token = await issuer.token('u7', { preferred_username: name });
      if (looksLikeJwt(token)) expect((await namesOf(name))[0], String(name)).to.match(/^user-[0-9a-f]{6}$/);
    }
    for (const name of await namesOf('é'.repeat(64))) expect([...name].length).to.be.at.most(64);
    expect(looksLikeJwt(await issuer.token('u7', { preferred_username: 'x'.repeat(9000) }))).to.equal(false);
  });

  it('is checked with a key in PEM, which may not be private or too short', async () => {
    const pem = await exportSPKI(issuer.pairOf('rsa').publicKey);
    for (const JWT_PUBLIC_KEY of [pem, pem.replaceAll('\n', '\\n')]) {
      const { jwt } = settingsOf({ JWT_PUBLIC_KEY });
      const own = new JwtVerifier(jwt as NonNullable<typeof jwt>, log, () => {});
      expect((await own.verify(await issuer.token('u1', {}, 'rsa'))).subject).to.equal('u1');
      expect(await refusal(own.verify(await issuer.token('u1')))).to.match(/^JwtRefusedError/);
    }
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const { jwt } = settingsOf({ JWT_PUBLIC_KEY: short.publicKey.export({ type: 'spki', format: 'pem' }).toString() });
    const weak = new JwtVerifier(jwt as NonNullable<typeof jwt>, log, () => {});
    expect(await refusal(weak.verify(await issuer.token('u1', {}, 'rsa')))).to.match(/^JwtRefusedError/);
  });
});

describe('The settings of JWTs', () => {
  const problemsOf = (env: Record<string, string>): string[] => {
    try {
      readSettings({ DATABASE_URL: 'postgres://localhost/chat', AUTH: 'token', ...env });
      return [];
    } catch (error) {
      return (error as SettingsError).problems;
    }
  };
  const whole = { JWT_JWKS_URL: 'https://login.example/keys', JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE };

  it('are either absent or complete', () => {
    expect(readSettings({ DATABASE_URL: 'postgres://localhost/chat' }).jwt).to.equal(null);
    expect(problemsOf(whole)).to.deep.equal([]);
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) {
      const [problem] = problemsOf({ ...whole, [name]: '' });
      expect(problem, name).to.match(new RegExp(`^${name} is not set`));
    }
    expect(problemsOf({ ...whole, JWT_JWKS_URL: '' })[0]).to.match(/^JWT_ISSUER has no effect/);
    expect(problemsOf({ ...whole, AUTH: 'open' })[0]).to.match(/^JWT_JWKS_URL requires AUTH=token/);
  });

  it('are refused with the name of the setting if they are invalid', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const [name, value] of [
      ['JWT_JWKS_URL', 'login.example'],
      ['JWT_JWKS_URL', 'file:///etc/passwd'],
      ['JWT_JWKS_URL', 'https://user:secret@login.example/keys'],
      ['JWT_PUBLIC_KEY', 'hello'],
      ['JWT_PUBLIC_KEY', secret],
      ['JWT_ALGORITHMS', 'HS256'],
      ['JWT_ALGORITHMS', 'RS256,none'],
      ['JWT_NAME_CLAIM', 'a b'],
      ['JWT_ISSUER', 'x'.repeat(256)],
    ] as const) {
      const [problem] = problemsOf({ ...whole, [name]: value });
      expect(problem, value).to.match(new RegExp(`^${name} must`));
      expect(problem).not.to.include('secret');
    }
    const { publicKey } = generateKeyPairSync('ed25519');
    const JWT_PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(problemsOf({ ...whole, JWT_PUBLIC_KEY })[0]).to.match(/exclude each other/);
  });

  it('cause a warning for keys that are fetched over a network without TLS', () => {
    const warningsOf = (JWT_JWKS_URL: string) => settingsWarnings(settingsOf({ JWT_JWKS_URL }));
    expect(warningsOf('http://login.internal/keys')[0]).to.match(/^JWT_JWKS_URL is not https/);
    expect([...warningsOf('http://127.0.0.1:9/keys'), ...warningsOf('https://login.example/keys')]).to.deep.equal([]);
  });
});

describe('The keys of a sign-in service', () => {
  let issuer: JwtIssuer;
  let source: JwksSource;
  let removed: number;
  const limits = { fetchMs: 100, refreshMs: 60_000, unknownKeyMs: 60_000, firstRetryMs: 20, lastRetryMs: 50 };
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
    for (const [what, answer] of [
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
    ] as [string, JwtIssuer['answer']][]) {
      issuer.answer = answer;
      start();
      expect(await find('first'), what).to.match(/^KeysUnavailableError/);
      source.stop();
    }
    start();
    issuer.answer = null;
    await eventually('they are fetched', async () => (await find('first')) === 'accepted');
  });

  it('are fetched again after a fetch without a response, although garbage was collected meanwhile', async () => {
    // Node.js may collect a signal of AbortSignal.timeout() that only AbortSignal.any() refers to. It then never fires.
    await expectFetchedAgainAfter(() => {});
  });

  it('are fetched again after a response that stalls, even if garbage is collected in the meantime', async () => {
    await expectFetchedAgainAfter((response) => void response.writeHead(200).write('{'));
  });

  async function expectFetchedAgainAfter(answer: JwtIssuer['answer']): Promise<void> {
    issuer.answer = answer;
    const stopCollecting = collectGarbage();
    try {
      start();
      await eventually('they are requested', () => issuer.fetches === 1);
      issuer.answer = null;
      // Patient, because the collections of garbage take the processor from everything else.
      await eventually('they are fetched', async () => (await find('first')) === 'accepted', { within: 20_000 });
    } finally {
      stopCollecting();
    }
  }

  it('continue to work while the service is down, and are fetched again with growing waits', async () => {
    start({ refreshMs: 20 });
    expect(await find('first')).to.equal('accepted');
    issuer.answer = (response) => void response.writeHead(503).end();
    const before = issuer.fetches;
    await eventually('it is tried again', async () => issuer.fetches > before + 2);
    expect(await find('first')).to.equal('accepted');
    issuer.answer = null;
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
