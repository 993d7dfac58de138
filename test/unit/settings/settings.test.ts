import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import pg from 'pg';
import { KEPT_SESSIONS } from '../../../src/database/session/connection.ts';
import { settingsWarnings } from '../../../src/settings/warnings.ts';
import { readSettings, SettingsError } from '../../../src/settings.ts';

const DATABASE_URL = 'postgres://localhost/chat';

/** Returns the problems with which `env` is refused. */
function problemsOf(env: Record<string, string>): string[] {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

/** Returns the parts of a URL as the driver reads them. */
function readByDriver(url: string) {
  const { user, password, host, port, database } = new pg.Client({ connectionString: url });
  return { user, password, host, port, database };
}

describe('Invalid settings', () => {
  it('are reported all at once, each with what it must be', () => {
    const wrong = {
      PORT: '80a',
      IS_ACTIVE: 'maybe',
      IS_PRIMARY: '2',
      LEASE_MS: '10',
      PEER_URL: 'http://localhost:8081,ftp://there',
      NODE_NAME: 'node one',
      NODE_URL: 'localhost:8080',
      AUTH: 'basic',
      ADMIN_TOKEN: 'short',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'xml',
      DB_PORT: '70000',
      DB_POOL_SIZE: '1',
      MAX_WAITERS: '0',
      DATABASE_DIRECT_URL: 'mysql://localhost/chat',
      EVENT_RETENTION_HOURS: '1.5',
    };
    const problems = problemsOf(wrong);
    const named = problems.map((problem) => problem.split(' ')[0]);
    expect(named).to.have.members([...Object.keys(wrong), 'DATABASE_URL']);
    for (const problem of problems) expect(problem).to.match(/^[A-Z_]+ .*(must|is not set)/);
  });

  it('are reported in one readable text', () => {
    expect(() => readSettings({ DATABASE_URL, PORT: '-1', AUTH: 'none' })).to.throw(
      SettingsError,
      'invalid settings:\n  - PORT must be a whole number from 0 to 65535\n  - AUTH must be open or token',
    );
  });

  it('include the URL of a node with a user or a password, because /health shows it to everyone', () => {
    for (const url of ['http://ana@node-a:8080', 'https://:secret@node-a', 'http://ana:secret@node-a']) {
      for (const name of ['NODE_URL', 'PEER_URL']) {
        const [problem, ...more] = problemsOf({ DATABASE_URL, [name]: url });
        expect([problem, more.length], url).to.deep.equal([
          `${name} must be an http(s) URL without user and password`,
          0,
        ]);
      }
    }
  });

  it('include an ADMIN_TOKEN that a header cannot carry, which would never match', () => {
    for (const ADMIN_TOKEN of ['sixteen and more with spaces', 'senha-da-administração', 'x'.repeat(513), 'short']) {
      expect(problemsOf({ DATABASE_URL, ADMIN_TOKEN }), ADMIN_TOKEN.slice(0, 30)).to.have.length(1);
    }
  });

  it('include numbers out of bounds', () => {
    for (const PORT of ['65536', '1e3', '0x50', '8080.5', '-0', '99999999999999999999']) {
      expect(problemsOf({ DATABASE_URL, PORT }), PORT).to.deep.equal(['PORT must be a whole number from 0 to 65535']);
    }
  });

  it('include a database URL that is not of PostgreSQL', () => {
    for (const url of ['mysql://localhost/chat', 'localhost/chat', 'http://localhost:5432', 'postgres//x']) {
      expect(problemsOf({ DATABASE_URL: url }), url).to.deep.equal(['DATABASE_URL must be a postgres:// URL']);
    }
  });

  it('include a HOST on which no node can listen, before the database is opened', () => {
    for (const HOST of ['*', 'a b', 'http://127.0.0.1', '127.0.0.1:8080', '127.0.0.256', '/tmp/node.sock']) {
      expect(problemsOf({ DATABASE_URL, HOST })[0], HOST).to.match(/^HOST must be an address/);
    }
    expect(readSettings({ DATABASE_URL, HOST: '[::1]' })).to.include({ host: '::1', auth: 'open' });
  });

  it('include the address of a node with parameters, to which no path can be appended', () => {
    for (const url of ['http://a/?x', 'http://a#', 'http://a/b?x#y']) {
      expect(problemsOf({ DATABASE_URL, PEER_URL: `http://b,${url}` }), url).to.have.length(1);
      expect(problemsOf({ DATABASE_URL, NODE_URL: url }), url).to.have.length(1);
    }
  });

  it('include a TRUST_PROXY with which clients could choose their own address', () => {
    for (const TRUST_PROXY of ['true', '0.0.0.0/0', '::/0', '10.0.0.0/00', '10.0.0.0/08', '10.0.0.0/33']) {
      expect(problemsOf({ DATABASE_URL, TRUST_PROXY }), TRUST_PROXY).to.have.length(1);
    }
  });

  it('include a DB_HOST that a URL cannot hold, so that it does not become localhost silently', () => {
    for (const DB_HOST of ['db host', 'http://db', 'db:5433', 'a/b', 'user@db', 'db?x']) {
      expect(problemsOf({ DB_NAME: 'chat', DB_HOST }), DB_HOST).to.have.length(1);
    }
  });
});

describe('The documentation of DB_POOL_SIZE', () => {
  it('names every session that a node keeps beside its pool', () => {
    const example = readFileSync(new URL('../../../.env.example', import.meta.url), 'utf8');
    const [comment = ''] = /(?:^#.*\n)+# DB_POOL_SIZE=/m.exec(example) ?? [];
    for (const name of KEPT_SESSIONS) expect(comment).to.match(new RegExp(`\\b${name}\\b`));
  });
});

describe('Missing settings', () => {
  it('have the defaults of .env.example', () => {
    expect(readSettings({ DATABASE_URL })).to.deep.equal({
      databaseUrl: DATABASE_URL,
      databaseDirectUrl: DATABASE_URL,
      host: '127.0.0.1',
      port: 8080,
      nodeName: null,
      nodeUrl: null,
      peerUrls: [],
      isActive: true,
      isPreferred: false,
      leaseMs: 2000,
      auth: 'open',
      adminToken: null,
      jwt: null,
      corsOrigin: [],
      allowedHosts: [],
      trustProxy: null,
      tokenHours: 720,
      standbyWrites: 'refuse',
      showActiveUrl: true,
      signInTries: 10,
      signInTriesOfAddress: 100,
      presence: true,
      requestsPerMinute: 0,
      notificationsPerMinute: 0,
      notificationBytesPerMinute: 60_000_000,
      hookPostsPerMinute: 120,
      logLevel: 'info',
      logFormat: 'auto',
      maxWaiters: 20_000,
      maxConnections: 25_000,
      poolSize: 10,
      eventRetentionHours: 168,
      editHistory: false,
      eventRetentionCount: 10_000_000,
      eventRetentionBytes: 1_000_000_000,
      idempotencyRetentionHours: 24,
    });
  });

  it('include empty and blank ones, such as a line of .env without a value', () => {
    const names = ['PORT', 'HOST', 'IS_ACTIVE', 'PEER_URL', 'AUTH', 'LEASE_MS', 'NODE_NAME', 'ADMIN_TOKEN', 'DB_PORT'];
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    const blank = Object.fromEntries(names.map((name) => [name, ' \t']));
    const plain = readSettings({ DATABASE_URL });
    expect(readSettings({ DATABASE_URL, ...empty })).to.deep.equal(plain);
    expect(readSettings({ DATABASE_URL, ...blank })).to.deep.equal(plain);
    expect(problemsOf({ DATABASE_URL: '' })).to.have.length(1);
  });

  it('are reported if neither a URL nor a name of the database is set', () => {
    expect(problemsOf({ DB_USER: 'ana', DB_HOST: 'db' })[0]).to.match(/DB_NAME.* is not set: name a database/);
  });
});

describe('Settings', () => {
  it('accept the .env of the Python project that this one replaces', () => {
    const settings = readSettings({
      DB_USER: 'seu_usuario_postgres',
      DB_PASSWORD: 'sua_senha_postgres',
      DB_HOST: 'localhost',
      DB_PORT: '5432',
      DB_NAME: 'chat_distribuido_db',
      PORT: '8081',
      IS_ACTIVE: 'false',
      PEER_URL: 'http://localhost:8080',
    });
    expect(settings.databaseUrl).to.equal(
      'postgres://seu_usuario_postgres:sua_senha_postgres@localhost:5432/chat_distribuido_db',
    );
    expect(settings).to.include({ port: 8081, isActive: false });
    expect(settings.peerUrls).to.deep.equal(['http://localhost:8080']);
  });

  it('accept any character in the parts of the database', () => {
    for (const text of ['p@ss:w/o?r#d', '100%25', 'it\'s "so"', 'senha çã 日本 🔑', 'a+b&c=d', '[x]\\y|z', '%40']) {
      const { databaseUrl } = readSettings({
        DB_USER: text,
        DB_PASSWORD: text,
        DB_HOST: '10.0.0.7',
        DB_PORT: '6543',
        DB_NAME: 'chat',
      });
      const read = { user: text, password: text, host: '10.0.0.7', port: 6543, database: 'chat' };
      expect(readByDriver(databaseUrl), text).to.deep.equal(read);
    }
  });

  it('accept a database name in any script', () => {
    for (const DB_NAME of ['chat distribuido', 'conversações', 'chat-2', "it's", '50%']) {
      const { databaseUrl } = readSettings({ DB_NAME });
      expect(readByDriver(databaseUrl).database, DB_NAME).to.equal(DB_NAME);
    }
  });

  it('accept a name, an address or the folder of a socket as DB_HOST', () => {
    for (const DB_HOST of ['db.example', 'DB-1', 'db_1', '10.0.0.7', '::1', 'fe80::1:2', '/var/run/postgresql']) {
      expect(readByDriver(readSettings({ DB_NAME: 'chat', DB_HOST }).databaseUrl).host, DB_HOST).to.equal(DB_HOST);
    }
  });

  it('prefer DATABASE_URL to the parts, and DATABASE_DIRECT_URL for the sessions that a node keeps', () => {
    const direct = 'postgresql://direct/chat';
    const settings = readSettings({ DATABASE_URL, DATABASE_DIRECT_URL: direct, DB_NAME: 'other', DB_HOST: 'other' });
    expect(settings).to.include({ databaseUrl: DATABASE_URL, databaseDirectUrl: direct });
  });

  it('do not validate overridden values', () => {
    const parts = { DB_PORT: 'tcp://10.43.0.1:5432', DB_HOST: 'no host', DB_USER: '%', DB_NAME: '' };
    expect(readSettings({ DATABASE_URL, ...parts })).to.deep.equal(readSettings({ DATABASE_URL }));
    expect(problemsOf({ DB_NAME: 'chat', DB_HOST: 'no host' })).to.have.length(1);
  });

  it('accept the DB_PORT that Kubernetes sets for a service called db', () => {
    const { databaseUrl } = readSettings({
      DB_NAME: 'chat',
      DB_USER: 'u',
      DB_HOST: 'db',
      DB_PORT: 'tcp://10.43.0.1:6432',
    });
    expect(databaseUrl).to.equal('postgres://u@db:6432/chat');
    expect(problemsOf({ DB_NAME: 'chat', DB_PORT: 'udp://10.43.0.1:6432' })).to.have.length(1);
    expect(problemsOf({ DB_NAME: 'chat', DB_PORT: 'tcp://10.43.0.1' })).to.have.length(1);
  });

  it('accept origins and host names, and reject what is neither', () => {
    const read = (more: Record<string, string>) => readSettings({ DATABASE_URL: 'postgres://h/db', ...more });
    expect(read({ CORS_ORIGIN: 'https://Chat.example/, capacitor://localhost' }).corsOrigin).to.deep.equal([
      'https://chat.example',
      'capacitor://localhost',
    ]);
    expect(read({ ALLOWED_HOSTS: 'Proxy.example, *.inside.example, fd00::1' }).allowedHosts).to.deep.equal([
      'proxy.example',
      '*.inside.example',
      'fd00::1',
    ]);
    const asBrowsersSendThem = read({
      CORS_ORIGIN: 'https://chat.example:443,http://h:80/,https://bücher.example,https://h:8443',
    });
    expect(asBrowsersSendThem.corsOrigin).to.deep.equal([
      'https://chat.example',
      'http://h',
      'https://xn--bcher-kva.example',
      'https://h:8443',
    ]);
    for (const wrong of [
      ...['null', 'chat.example', 'https://chat.example/path', 'https://*.example/a', 'https://', 'https://*.example'],
      'https://ana@chat.example',
    ]) {
      expect(() => read({ CORS_ORIGIN: wrong }), wrong).to.throw(SettingsError, 'CORS_ORIGIN');
    }
    for (const wrong of ['http://proxy.example', 'proxy.example:80', '*example', 'a b']) {
      expect(() => read({ ALLOWED_HOSTS: wrong }), wrong).to.throw(SettingsError, 'ALLOWED_HOSTS');
    }
    const open = settingsWarnings(read({ CORS_ORIGIN: '*', ALLOWED_HOSTS: '*' }));
    expect(open.join(' ')).to.include('CORS_ORIGIN=*').and.include('ALLOWED_HOSTS=*');
    expect(settingsWarnings(read({ CORS_ORIGIN: '*', AUTH: 'token' }))).to.deep.equal([]);
  });

  it('accept white space around values, such as the CR of a file from Windows; a password keeps its spaces', () => {
    const given = { PORT: '8085\r', HOST: ' 127.0.0.1', AUTH: 'token\r\n', LEASE_MS: '3000 ' };
    const read = readSettings({ ...given, DATABASE_URL: ' postgres://chat@db/chat\r' });
    expect(read).to.include({ port: 8085, host: '127.0.0.1', auth: 'token', leaseMs: 3000 });
    expect(read.databaseUrl).to.equal('postgres://chat@db/chat');
    const parts = readSettings({ DB_NAME: 'chat\r', DB_HOST: 'db\r', DB_USER: 'chat', DB_PASSWORD: ' pw \r' });
    expect(parts.databaseUrl).to.match(/:%20pw%20@db:\d+\/chat$/);
  });

  it('accept lists with spaces and a comma at the end', () => {
    const settings = readSettings({
      DATABASE_URL,
      PEER_URL: ' http://a:8081/ ,https://b/chat//,, ',
      CORS_ORIGIN: 'https://one.example, https://two.example',
      NODE_URL: 'http://me:8080/',
    });
    expect(settings.peerUrls).to.deep.equal(['http://a:8081', 'https://b/chat']);
    expect(settings.corsOrigin).to.deep.equal(['https://one.example', 'https://two.example']);
    expect(settings.nodeUrl).to.equal('http://me:8080');
  });

  it('normalise the URLs of nodes', () => {
    const settings = readSettings({ DATABASE_URL, NODE_URL: ' HTTPS://Node-A:443/ ', PEER_URL: 'HTTP://Node-B:8080' });
    expect(settings).to.deep.include({ nodeUrl: 'https://node-a', peerUrls: ['http://node-b:8080'] });
  });

  it('accept several spellings of a flag', () => {
    for (const yes of ['true', '1', 'yes', 'TRUE', 'True']) {
      expect(readSettings({ DATABASE_URL, PREFERRED: yes }).isPreferred, yes).to.equal(true);
    }
    for (const no of ['false', '0', 'no', 'FALSE', 'False']) {
      expect(readSettings({ DATABASE_URL, IS_ACTIVE: no }).isActive, no).to.equal(false);
    }
  });

  it('accept IS_PRIMARY as another name of PREFERRED, which wins', () => {
    expect(readSettings({ DATABASE_URL, IS_PRIMARY: 'true' }).isPreferred).to.equal(true);
    expect(readSettings({ DATABASE_URL, IS_PRIMARY: 'true', PREFERRED: 'false' }).isPreferred).to.equal(false);
    expect(readSettings({ DATABASE_URL, IS_PRIMARY: 'false', PREFERRED: 'true' }).isPreferred).to.equal(true);
  });

  it('default to AUTH=open on a loopback host only', () => {
    const auth = (HOST: string) => readSettings({ DATABASE_URL, HOST }).auth;
    for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) expect(auth(host), host).to.equal('open');
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'chat.example']) {
      expect(auth(host), host).to.equal('token');
    }
    expect(readSettings({ DATABASE_URL, HOST: '0.0.0.0', AUTH: 'open' }).auth).to.equal('open');
  });

  it('cause a warning for AUTH=open on a host that is not loopback', () => {
    const warnings = (env: Record<string, string>) => settingsWarnings(readSettings({ DATABASE_URL, ...env }));
    expect(warnings({ HOST: '0.0.0.0', AUTH: 'open' })).to.have.length(1);
    expect(warnings({ HOST: '0.0.0.0' })).to.deep.equal([]);
    expect(warnings({ AUTH: 'open' })).to.deep.equal([]);
  });

  it('cause a warning for an ADMIN_TOKEN without effect', () => {
    const ADMIN_TOKEN = 'the-administrators-own-token';
    const warnings = (env: Record<string, string>) =>
      settingsWarnings(readSettings({ DATABASE_URL, ADMIN_TOKEN, ...env }));
    expect(warnings({ AUTH: 'open' }).join()).to.include('ADMIN_TOKEN has no effect');
    expect(warnings({ AUTH: 'token' })).to.deep.equal([]);
  });
});
