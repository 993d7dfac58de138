import { expect } from 'chai';
import { parseDatabaseUrl } from '../../../src/database/url/database-url.ts';
import { withDatabaseName, withServers } from '../../../src/database/url/rewrite-url.ts';

/** Every part of a URL that one of the two functions must keep. */
const URLS = [
  'postgres://chat:p%40ss@db:5433/chat',
  'postgresql://chat:a@b@db1,db2:5433/chat?sslmode=verify-full&target_session_attrs=primary',
  'postgres://chat@[::1]/chat?options=-c%20geqo%3Doff&connect_timeout=3',
  'postgres://chat:secret@/chat?host=/run/postgresql&port=5433',
  'postgres://chat:%zz@db?user=other&password=p%25w&dbname=chat',
  'postgres://chat@db',
];

describe('A database URL', () => {
  for (const url of URLS) {
    it(`keeps all but its database, for every name: ${url}`, () => {
      for (const name of ['prove', 'a "b" %41 ç/?#@&=', '%']) {
        const { database, ...rest } = parseDatabaseUrl(withDatabaseName(url, name));
        expect(database).to.equal(name);
        const { database: _, ...before } = parseDatabaseUrl(url);
        expect(rest).to.deep.equal(before);
      }
    });

    it(`keeps all but its servers: ${url}`, () => {
      const servers = [
        { host: 'db1', address: '127.0.0.1', port: 1001 },
        { host: '::1', address: '127.0.0.1', port: 1002 },
      ];
      const { hosts, tls: _tls, ...rest } = parseDatabaseUrl(withServers(url, servers));
      expect(hosts).to.deep.equal(servers);
      const { hosts: _hosts, tls: _, ...before } = parseDatabaseUrl(url);
      expect(rest).to.deep.equal(before);
    });
  }

  it('keeps its TLS settings when its servers change', () => {
    const url = withServers('postgres://chat@db/chat?sslmode=verify-full', [
      { host: 'db', address: '127.0.0.1', port: 1001 },
    ]);
    expect(parseDatabaseUrl(url).tls.mode).to.equal('verify-full');
  });
});
