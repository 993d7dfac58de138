import { userInfo } from 'node:os';
import { expect } from 'chai';
import { databaseUrlOf, describeDatabase, parseDatabaseUrl } from '../../../src/database/url/database-url.ts';
import { DatabaseUrlError } from '../../../src/database/url/database-url-error.ts';

const parse = (text: string) => parseDatabaseUrl(text);
const hostsOf = (text: string) => parse(text).hosts.map(({ host, port }) => `${host} ${port}`);
const problemOf = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    expect(error, text).to.be.instanceOf(DatabaseUrlError);
    return (error as Error).message;
  }
  return 'none';
};

describe('The URL of the database', () => {
  it('has a host, a port, a user, a password, a database and parameters', () => {
    expect(
      parse('postgresql://ana:secret@db.example:6432/chat?options=-c%20work_mem%3D9MB&connect_timeout=3'),
    ).to.deep.equal({
      hosts: [{ host: 'db.example', port: 6432, address: null }],
      user: 'ana',
      password: 'secret',
      database: 'chat',
      options: '-c work_mem=9MB',
      connectTimeoutMs: 3000,
      sessionAttributes: 'read-write',
      tls: { mode: 'disable', rootCertificate: null, certificate: null, key: null, negotiation: 'postgres' },
    });
  });

  it('has defaults that do not come from the environment', () => {
    const me = userInfo().username;
    const before = { ...process.env };
    Object.assign(process.env, {
      PGUSER: 'x',
      PGHOST: 'x',
      PGPORT: '1',
      PGDATABASE: 'x',
      PGPASSWORD: 'x',
      PGOPTIONS: 'x',
    });
    try {
      for (const text of ['postgres://', 'postgres:///', 'POSTGRES://localhost', 'postgres://localhost:/']) {
        expect(parse(text), text).to.deep.include({ user: me, password: null, database: me, options: '' });
        expect(hostsOf(text), text).to.deep.equal(['localhost 5432']);
      }
    } finally {
      process.env = before;
    }
    expect(parse('postgres://ana@db')).to.include({ user: 'ana', database: 'ana', password: null });
    expect(parse('postgres://ana:@db/chat')).to.include({ user: 'ana', database: 'chat', password: null });
  });

  it('accepts a password with any character, encoded or not', () => {
    const passwords = [
      '100%',
      '%',
      '%%',
      '%zz',
      '50%-off',
      'a%b%c',
      'p@ss@word',
      'a?b',
      'a#b',
      'a:b:c',
      'a&b=c',
      '%ff',
      'ção',
    ];
    for (const password of passwords) {
      expect(parse(`postgres://ana:${password}@db:1/chat`), password).to.deep.include({
        user: 'ana',
        password,
        database: 'chat',
      });
    }
    for (const password of [...passwords, '%25', 'a/b', 'it\'s "so"', '日本 🔑', ' ', '+']) {
      const text = `postgres://ana:${encodeURIComponent(password)}@db:1/chat`;
      expect(parse(text), text).to.deep.include({ user: 'ana', password, database: 'chat' });
      expect(hostsOf(text)).to.deep.equal(['db 1']);
    }
  });

  it('accepts a socket in every form of libpq', () => {
    const socket = ['/var/run/postgresql 5432'];
    expect(hostsOf('postgres://u:p@%2Fvar%2Frun%2Fpostgresql/chat')).to.deep.equal(socket);
    expect(hostsOf('postgres://u:p@/chat?host=/var/run/postgresql')).to.deep.equal(socket);
    expect(hostsOf('postgres://u:p@localhost/chat?host=%2Fvar%2Frun%2Fpostgresql')).to.deep.equal(socket);
    expect(hostsOf('postgres://?host=/var/run/postgresql&user=u&dbname=chat')).to.deep.equal(socket);
    expect(hostsOf('postgres://u@%2Ftmp:5433/chat')).to.deep.equal(['/tmp 5433']);
    expect(hostsOf('postgres://u@/chat?host=/tmp&port=5433')).to.deep.equal(['/tmp 5433']);
    expect(parse('postgres://u:p@%2Ftmp/chat?sslmode=verify-full').tls.mode).to.equal('disable');
  });

  it('accepts addresses, also of IPv6', () => {
    expect(hostsOf('postgres://u@[::1]/chat')).to.deep.equal(['::1 5432']);
    expect(hostsOf('postgres://u:p@[2001:db8::7]:6432/chat')).to.deep.equal(['2001:db8::7 6432']);
    expect(hostsOf('postgres://10.0.0.7:6432/chat')).to.deep.equal(['10.0.0.7 6432']);
    expect(hostsOf('postgres://u@[fe80::1%25eth0]/chat')).to.deep.equal(['fe80::1%eth0 5432']);
  });

  it('accepts lists of hosts and ports in every form of libpq', () => {
    expect(hostsOf('postgres://u@h1:1,h2,[::1]:3/chat')).to.deep.equal(['h1 1', 'h2 5432', '::1 3']);
    expect(hostsOf('postgres://u:p@h1,h2/chat')).to.deep.equal(['h1 5432', 'h2 5432']);
    expect(hostsOf('postgres://u:p@10.0.0.1:1,10.0.0.2:2')).to.deep.equal(['10.0.0.1 1', '10.0.0.2 2']);
    expect(hostsOf('postgres://u@/chat?host=h1,h2&port=1,2')).to.deep.equal(['h1 1', 'h2 2']);
    expect(hostsOf('postgres://u@/chat?host=h1,h2&port=7')).to.deep.equal(['h1 7', 'h2 7']);
    expect(hostsOf('postgres://u@/chat?host=h1,::1,/tmp')).to.deep.equal(['h1 5432', '::1 5432', '/tmp 5432']);
    expect(hostsOf('postgres://u@/chat?host=h1,h2&port=,7')).to.deep.equal(['h1 5432', 'h2 7']);
    expect(hostsOf('postgres://u@h1:1,h2:2/chat?port=7')).to.deep.equal(['h1 7', 'h2 7']);
    expect(hostsOf('postgres://u@h1:1,h2:2/chat?host=h3,h4')).to.deep.equal(['h3 1', 'h4 2']);
    expect(hostsOf('postgres://u@h1%2Eexample:1,h2/chat')).to.deep.equal(['h1.example 1', 'h2 5432']);
    expect(hostsOf('postgres://h1,/chat')).to.deep.equal(['h1 5432', 'localhost 5432']);
    expect(problemOf('postgres://u@/chat?host=h1,h2&port=1,2,3')).to.match(/2 hosts and 3 ports/);
    expect(problemOf('postgres://u@/chat?host=h1&port=1,2')).to.match(/1 hosts and 2 ports/);
    expect(problemOf('postgres://u@h1,h 2/chat')).to.match(/names the host h 2/);
  });

  it('accepts hostaddr, so that names are not resolved', () => {
    const addressesOf = (text: string) => parse(text).hosts.map(({ host, address }) => `${host} ${address}`);
    expect(addressesOf('postgres://h1,h2/chat?hostaddr=10.0.0.1,10.0.0.2')).to.deep.equal([
      'h1 10.0.0.1',
      'h2 10.0.0.2',
    ]);
    expect(addressesOf('postgres://h1,h2/chat?hostaddr=,::1')).to.deep.equal(['h1 null', 'h2 ::1']);
    expect(addressesOf('postgres:///chat?hostaddr=10.0.0.1,10.0.0.2&port=1,2')).to.deep.equal([
      '10.0.0.1 10.0.0.1',
      '10.0.0.2 10.0.0.2',
    ]);
    expect(problemOf('postgres://h1,h2/chat?hostaddr=10.0.0.1')).to.match(/2 hosts and 1 in hostaddr/);
    expect(problemOf('postgres://h1/chat?hostaddr=h2')).to.match(/names h2 in hostaddr, which is not an IP address/);
  });

  it('rejects target_session_attrs and load_balance_hosts that select a standby', () => {
    const attributesOf = (query: string) => parse(`postgres://h1,h2/chat?${query}`).sessionAttributes;
    expect(attributesOf('')).to.equal('read-write');
    expect(attributesOf('target_session_attrs=any')).to.equal('read-write');
    expect(attributesOf('target_session_attrs=read-write')).to.equal('read-write');
    expect(attributesOf('target_session_attrs=primary')).to.equal('primary');
    for (const value of ['standby', 'prefer-standby', 'read-only', 'x']) {
      expect(problemOf(`postgres://h1,h2/chat?target_session_attrs=${value}`)).to.equal(
        `has target_session_attrs=${value}, which is not supported, since a node writes and listens: use read-write, primary or any`,
      );
    }
    expect(problemOf('postgres://h1,h2/chat?load_balance_hosts=disable')).to.equal('none');
    expect(problemOf('postgres://h1,h2/chat?load_balance_hosts=random')).to.match(
      /^has load_balance_hosts, which is not/,
    );
  });

  it('rejects a parameter that would not be honoured, by its name', () => {
    for (const name of [
      'application_name',
      'service',
      'passfile',
      'pgbouncer',
      'schema',
      'keepalives_idle',
      'requirepeer',
      'tcp_user_timeout',
      'x',
    ]) {
      expect(problemOf(`postgres://u@db/chat?${name}=1`), name).to.equal(
        `has the parameter ${name}, which is not supported: leave it out`,
      );
    }
    expect(problemOf('postgres://u@db/chat?channel_binding=require')).to.match(/^has channel_binding=require/);
    expect(problemOf('postgres://u@db/chat?client_encoding=latin1')).to.match(/^has client_encoding=latin1/);
    expect(problemOf('postgres://u@db/chat?client_encoding=UTF8&target_session_attrs=read-write')).to.equal('none');
    expect(problemOf('postgres://u@db/chat?port=1&port=2')).to.match(/port twice/);
    expect(problemOf('postgres://u@db/chat?connect_timeout=soon')).to.match(/connect_timeout/);
  });

  it('rejects a zero byte, which would add a setting to the start-up message', () => {
    for (const url of [
      'postgres://u%00@h/d',
      'postgres://u:p%00@h/d',
      'postgres://h/d%00e',
      'postgres://h/d?options=%00',
    ]) {
      expect(() => parseDatabaseUrl(url), url).to.throw(DatabaseUrlError, 'zero byte');
    }
  });

  it('rejects what is not a URL, and invalid hosts and ports', () => {
    for (const text of [
      '',
      'chat',
      'mysql://db/chat',
      '/var/run/postgresql chat',
      'socket:///tmp',
      'postgres:db/chat',
    ]) {
      expect(problemOf(text), text).to.equal('must be a postgres:// URL');
    }
    for (const text of ['postgres://a b/c', 'postgres://u@[::1/c', 'postgres://u@[db]/c', 'postgres://u@db:80a/c']) {
      expect(problemOf(text), text).to.match(/^names /);
    }
    for (const port of ['0', '65536', '-1', '1.5', '1e3', '123456'])
      expect(problemOf(`postgres://db:${port}/c`)).to.match(/port/);
  });

  it('requires TLS as libpq does, and rejects modes that fall back to clear text', () => {
    const modeOf = (query: string) => parse(`postgres://u@db/chat?${query}`).tls.mode;
    expect(modeOf('')).to.equal('disable');
    for (const mode of ['disable', 'require', 'verify-full']) expect(modeOf(`sslmode=${mode}`)).to.equal(mode);
    expect(modeOf('sslmode=verify-ca&sslrootcert=/etc/ca.pem')).to.equal('verify-ca');
    expect(modeOf('sslmode=require&sslrootcert=/etc/ca.pem')).to.equal('verify-ca');
    expect(modeOf('sslmode=no-verify')).to.equal('require');
    expect(modeOf('ssl=true')).to.equal('verify-full');
    for (const query of [
      'sslmode=prefer',
      'sslmode=allow',
      'sslmode=yes',
      'ssl=maybe',
      'sslmode=verify-ca',
      'sslrootcert=/ca',
    ]) {
      expect(problemOf(`postgres://u@db/chat?${query}`), query).to.match(/ssl/);
    }
    expect(problemOf('postgres://u@db/chat?sslmode=require&sslcert=/etc/me.pem')).to.match(/sslcert and sslkey/);
    expect(problemOf('postgres://u@db,%2Ftmp/chat?sslmode=require')).to.match(/^names sockets and hosts with TLS/);
    expect(problemOf('postgres://u@db,%2Ftmp/chat?sslmode=disable')).to.equal('none');
  });

  it('is described without user and password', () => {
    expect(describeDatabase('postgres://ana:secret@db/chat')).to.equal('chat on db:5432');
    expect(describeDatabase('postgres://ana:secret@[::1]:1/chat')).to.equal('chat on [::1]:1');
    expect(describeDatabase('postgres://ana:100%@h1,%2Ftmp/chat')).to.equal('chat on h1:5432, /tmp:5432');
    expect(describeDatabase('secret')).to.equal('of DATABASE_URL');
  });

  it('can be created from parts with any character', () => {
    for (const text of ['p@ss:w/o?r#d', '100%', '%40', '日本 🔑', 'a,b', '[x]']) {
      for (const host of ['db', '::1', '10.0.0.7', '/var/run/postgresql', '/tmp/a b%20c']) {
        const parts = { user: text, password: text, database: text };
        expect(parse(databaseUrlOf({ host, port: 6432, ...parts })), host).to.deep.include({
          hosts: [{ host, port: 6432, address: null }],
          ...parts,
        });
      }
    }
  });
});
