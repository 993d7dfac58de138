import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import type { ServerTools } from '../../../../src/local-cluster/replicated/server-tools.ts';
import { get } from '../../../support/network/http.ts';
import { useNodesOfDatabases } from '../../../support/nodes/nodes-of-databases.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';

/** Follows the README's lines under "Restore and clone": an error in them fails here. */
describe('A database restored on another server with pg_dump and pg_restore', function () {
  this.timeout(60_000);
  let tools: ServerTools;
  let original: ReplicatedPostgres;
  let other: ReplicatedPostgres;
  const { activeNode, send, poll } = useNodesOfDatabases();
  const dump = path.join(tmpdir(), `plantao-dump-${process.pid}`);

  before(async function () {
    this.timeout(120_000);
    tools = await requireServerTools(this);
    original = await startReplicatedPostgres({ tools, standbys: 0 });
    other = await startReplicatedPostgres({ tools, standbys: 0, migrated: false });
    await seedData(original.primary.url);
  });
  after(async function () {
    this.timeout(60_000);
    await rm(dump, { force: true });
    await original?.remove();
    await other?.remove();
  });

  it('serves as plantao_service after grant_roles(), continues cursors of the dump and refuses later ones', async () => {
    const source = await activeNode(original.primary.url, 'original');
    const inDump = await send(source, 'in the dump');
    await tools.run('pg_dump', ['--format=custom', `--dbname=${original.primary.url}`, `--file=${dump}`]);
    const later = await send(source, 'after the dump');

    const { primary } = other;
    await tools.run('pg_restore', [`--dbname=${primary.url}`, '--no-owner', '--no-privileges', dump]);
    await primary.query('CREATE ROLE plantao_service');
    await primary.query("CREATE ROLE chat LOGIN PASSWORD 'secret' IN ROLE plantao_service");
    await primary.query('SELECT plantao.grant_roles()');

    const url = new URL(primary.url);
    url.username = 'chat';
    url.password = 'secret';
    const restored = await activeNode(url.href, 'restored');
    await send(restored, 'after the restore');
    const continued = await poll(restored, inDump);
    expect(continued.status, continued.text).to.equal(200);
    expect(continued.body.events.map(({ message }) => message?.content)).to.deep.equal(['after the restore']);
    expect((await poll(restored, later)).status).to.equal(410);
    expect((await get(`${restored.url}/health`)).body).to.include({ active_node: 'restored' });
  });
});
