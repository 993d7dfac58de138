import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { maskUrlSecrets } from '../../../src/database/url/mask-secrets.ts';
import { publicSettings } from '../../../src/settings/public-settings.ts';
import { readSettings } from '../../../src/settings.ts';

const SECRETS = {
  DATABASE_URL: 'postgres://ana:hunter2@pg1:5432,pg2:5433/chat?sslmode=require',
  DATABASE_DIRECT_URL: 'postgres://ana@pg1/chat?p%61ssword=hunter2&user=ana',
  ADMIN_TOKEN: 'hunter2hunter2hunter2',
};

describe('The settings that others may see', () => {
  it('have every setting of .env.example, by its name there', () => {
    const documented = [
      ...readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8').matchAll(
        /^(?:# )?([A-Z][A-Z0-9_]+)=/gm,
      ),
    ].map(([, name]) => name);
    // Parts of the URL, and another name of PREFERRED.
    const other = ['DB_USER', 'DB_PASSWORD', 'DB_HOST', 'DB_PORT', 'DB_NAME', 'IS_PRIMARY'];
    const names = Object.keys(publicSettings(readSettings({ DATABASE_URL: 'postgres://localhost/chat' })));
    expect([...new Set(documented)].filter((name) => !other.includes(name ?? '')).sort()).to.deep.equal(names.sort());
  });

  it('contain no password and no token', () => {
    const shown = publicSettings(readSettings(SECRETS));
    expect(JSON.stringify(shown)).to.not.include('hunter2');
    expect(shown).to.include({
      DATABASE_URL: 'postgres://ana:***@pg1:5432,pg2:5433/chat?sslmode=require',
      DATABASE_DIRECT_URL: 'postgres://ana@pg1/chat?p%61ssword=***&user=ana',
      ADMIN_TOKEN: '(set)',
    });
    const parts = { DB_USER: 'ana', DB_PASSWORD: 'hunter2@/?', DB_NAME: 'chat' };
    expect(publicSettings(readSettings(parts)).DATABASE_URL).to.equal('postgres://ana:***@localhost:5432/chat');
  });

  it('show defaults, lists and switches as .env.example writes them', () => {
    const env = { DATABASE_URL: 'postgres://localhost/chat', PRESENCE: 'off', TRUST_PROXY: '10.0.0.0/8,loopback' };
    expect(publicSettings(readSettings(env))).to.include({
      ...{ PRESENCE: 'off', TRUST_PROXY: '10.0.0.0/8,loopback', LEASE_MS: '2000', AUTH: 'open', PREFERRED: 'false' },
      ...{ ADMIN_TOKEN: null, PEER_URL: '' },
    });
  });
});

describe('A masked URL', () => {
  for (const [url, masked] of [
    ['postgres://u:p?s@s@db/chat', 'postgres://u:***@db/chat'],
    ['postgres://u:p:q@db', 'postgres://u:***@db'],
    ['postgres:///chat?host=/run&password=x&PASSWORD=y', 'postgres:///chat?host=/run&password=***&PASSWORD=***'],
    ['postgresql://db/chat?sslpassword=a%26b&%ff=1', 'postgresql://db/chat?sslpassword=***&%ff=1'],
    ['https://peer.example/base?access_token=k', 'https://peer.example/base?access_token=***'],
    ['no url', 'no url'],
  ] as const) {
    it(`of ${url} is ${masked}`, () => {
      expect(maskUrlSecrets(url)).to.equal(masked);
    });
  }
});
