import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { LEADER_LOCK, MIGRATION_LOCK } from '../../../../src/database/advisory-locks.ts';
import { CHANNELS } from '../../../../src/database/channels.ts';
import { dumpSchema, SCHEMA_SNAPSHOT } from '../../../support/postgres/schema-dump.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** The version of the embedded PostgreSQL that wrote the snapshot: others print definitions in another way. */
const SNAPSHOT_MAJOR = 18;

describe('The schema of a migrated database', () => {
  const { sql: client } = useDatabase();

  /** Returns the sources of all functions and views. */
  const sources = async () => {
    const { rows } = await client.query<{ source: string }>(
      `SELECT prosrc AS source FROM pg_proc WHERE pronamespace = 'plantao'::regnamespace
       UNION ALL SELECT definition FROM pg_views WHERE schemaname = 'plantao'`,
    );
    return rows.map(({ source }) => source).join('\n');
  };

  it('equals its snapshot; renew that with npm run schema-dump', async () => {
    const { rows } = await client.query<{ major: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS major",
    );
    const dump = await dumpSchema(client);
    expect(dump.split('\n').length, 'lines').to.be.greaterThan(300);
    if (process.env.SCHEMA_DUMP === 'write') writeFileSync(SCHEMA_SNAPSHOT, dump);
    if (rows[0]?.major !== SNAPSHOT_MAJOR) return;
    expect(dump.split('\n')).to.deep.equal(readFileSync(SCHEMA_SNAPSHOT, 'utf8').split('\n'));
  });

  it('uses the advisory locks of the code and no other', async () => {
    const text = await sources();
    const [lockClass, leader] = LEADER_LOCK;
    expect(MIGRATION_LOCK[0]).to.equal(lockClass);
    const calls = [...text.matchAll(/pg_(?:try_)?advisory_\w+\(([^)]*)\)/g)].map(([, key]) => key);
    expect(new Set(calls)).to.deep.equal(new Set([`${lockClass}, ${leader}`]));
    const classes = [...text.matchAll(/classid\W+(\d+)\W.*?objid\W+(\d+)/gs)].map(([, ...key]) => key.join(', '));
    expect(new Set(classes)).to.deep.equal(new Set([`${lockClass}, ${leader}`]));
  });

  it('notifies on the channels of the code and no other', async () => {
    const channels = [...(await sources()).matchAll(/plantao\.hint\('(\w+)'/g)].map(([, channel]) => channel);
    expect(new Set(channels)).to.deep.equal(new Set(Object.values(CHANNELS)));
  });
});
