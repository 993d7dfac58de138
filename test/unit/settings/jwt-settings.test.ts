import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { settingsWarnings } from '../../../src/settings/warnings.ts';
import { readSettings, type SettingsError } from '../../../src/settings.ts';

describe('The settings of JWTs', () => {
  const problemsOf = (env: Record<string, string>): string[] => {
    try {
      readSettings({ DATABASE_URL: 'postgres://localhost/chat', AUTH: 'token', ...env });
      return [];
    } catch (error) {
      return (error as SettingsError).problems;
    }
  };
  const complete = {
    JWT_JWKS_URL: 'https://login.example/keys',
    JWT_ISSUER: 'https://login.example',
    JWT_AUDIENCE: 'plantao',
  };

  it('are either absent or complete', () => {
    expect(readSettings({ DATABASE_URL: 'postgres://localhost/chat' }).jwt).to.equal(null);
    expect(problemsOf(complete)).to.deep.equal([]);
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) {
      const [problem] = problemsOf({ ...complete, [name]: '' });
      expect(problem, name).to.match(new RegExp(`^${name} is not set`));
    }
    expect(problemsOf({ ...complete, JWT_JWKS_URL: '' })[0]).to.match(/^JWT_ISSUER has no effect/);
    expect(problemsOf({ ...complete, AUTH: 'open' })[0]).to.match(/^JWT_JWKS_URL requires AUTH=token/);
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
      const [problem] = problemsOf({ ...complete, [name]: value });
      expect(problem, value).to.match(new RegExp(`^${name} must`));
      expect(problem).not.to.include('secret');
    }
    const { publicKey } = generateKeyPairSync('ed25519');
    const JWT_PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(problemsOf({ ...complete, JWT_PUBLIC_KEY })[0]).to.match(/exclude each other/);
  });

  it('cause a warning for keys that are fetched over a network without TLS', () => {
    const warningsOf = (JWT_JWKS_URL: string) =>
      settingsWarnings(
        readSettings({ DATABASE_URL: 'postgres://localhost/chat', AUTH: 'token', ...complete, JWT_JWKS_URL }),
      );
    expect(warningsOf('http://login.internal/keys')[0]).to.match(/^JWT_JWKS_URL is not https/);
    expect([...warningsOf('http://127.0.0.1:9/keys'), ...warningsOf('https://login.example/keys')]).to.deep.equal([]);
  });
});
