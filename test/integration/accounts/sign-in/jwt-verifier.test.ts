import { createHmac, generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { exportSPKI } from 'jose';
import pino from 'pino';
import { JwtVerifier, looksLikeJwt } from '../../../../src/chat/auth/jwt/jwt-verifier.ts';
import { readSettings } from '../../../../src/settings.ts';
import { AUDIENCE, damagedKeys, ISSUER, JwtIssuer, refusal } from '../../../support/network/jwt-issuer.ts';

const log = pino({ level: 'silent' });
const settingsOf = (env: Record<string, string>) =>
  readSettings({
    DATABASE_URL: 'postgres://localhost/chat',
    AUTH: 'token',
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    ...env,
  });
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

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
      service.respond = (response) => void response.end(JSON.stringify({ keys }));
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
    for (const crit of [['x'], ['exp', 'x']]) {
      const critical = `${part({ alg: 'ES256', crit, x: 1, exp: 1 })}.${part(claims)}.x`;
      expect(await refusal(verifier.verify(critical))).to.equal(
        'JwtRefusedError: its header crit names an extension that is not supported',
      );
    }
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
