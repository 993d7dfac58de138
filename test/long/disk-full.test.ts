import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, open, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Scene } from '../failure/scene.ts';
import { always } from '../support/always.ts';
import { eventually } from '../support/eventually.ts';
import { get, post } from '../support/network/http.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';

const run = promisify(execFile);
const DISK_BYTES = 8 * 1024 * 1024;
const MAX_LINES = 12;

/** Uses a small mounted file system, which requires root. The WAL of PostgreSQL is elsewhere: without it the server stops. */
describe('A full disk', () => {
  let postgres: OwnPostgres;
  let scene: Scene;
  let disk: string | null = null;

  before(async function () {
    this.timeout(120_000);
    if (process.getuid?.() !== 0) return this.skip();
    postgres = await startPostgresOfItsOwn();
    scene = await Scene.open({ databaseUrl: postgres.url });
    disk = await mkdtemp(path.join(tmpdir(), 'plantao-disk-'));
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk]);
    const [server] = await scene.sql<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    const { uid, gid } = await stat(server?.folder ?? '');
    await chown(disk, uid, gid);
    await scene.sql(`CREATE TABLESPACE full_disk LOCATION '${disk}'`);
    for (const table of ['messages', 'events', 'idempotency_keys']) {
      await scene.sql(`ALTER TABLE plantao.${table} SET TABLESPACE full_disk`);
    }
  });
  after(async function () {
    this.timeout(60_000);
    await scene?.close();
    await postgres?.remove();
    if (disk === null) return;
    await run('umount', [disk]);
    await rmdir(disk);
  });

  it('refuses posts with 503 and affects nothing else; posts are accepted again once there is space', async function () {
    this.timeout(120_000);
    await scene.untilSettled();
    const active = await scene.active();
    const filler = path.join(disk ?? '', 'filler');
    const { gap, logOf } = await scene.broken(
      async () => {
        // Only long posts until one is refused: the last page then has room for a short one.
        await scene.meter.stop();
        await fill(filler);
        const { userId, groupId } = scene.ids;
        const refused = await eventually(
          'a post is refused',
          async () => {
            const content = randomBytes(900).toString('hex');
            const response = await post(`${active.url}/messages`, { userId, groupId, content });
            return response.status !== 200 && response;
          },
          { within: 30_000, every: 5 },
        );
        expect(refused.status).to.equal(503);
        // It stays so without posts: the probe needs as much space as a post may.
        const isNotReady = async () => (await get(`${active.url}/readiness`)).status === 503;
        await eventually('the node is not ready', isNotReady);
        await always('it is not ready', isNotReady, { forMs: 6000, every: 100 });
        const [row] = await scene.sql<{ conditions: string }>(
          "SELECT conditions FROM plantao.cluster_status WHERE role = 'active'",
        );
        expect(row?.conditions).to.contain('the disk of PostgreSQL is full').and.contain('53100');
        scene.meter.start();
        expect(refused.body).to.include({ code: 'unavailable' });
        expect((await get(`${active.url}/messages?groupId=${scene.ids.groupId}`)).status).to.equal(200);
        expect((await get(`${active.url}/subscribe/status?group=x&timeout=0`)).status).to.equal(204);
        await rm(filler);
      },
      { keepsTerm: true },
    );
    console.log(`      no post was accepted for ${Math.round(gap.ms)} ms`);
    expect(await scene.active()).to.equal(active);
    for (const node of scene.nodes) expect(logOf(node).map(({ msg }) => msg)).to.have.length.below(MAX_LINES);
  });
});

/** Writes until the disk is full. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (const bytes of [65_536, 4096]) {
      while (
        await handle.write(Buffer.alloc(bytes)).then(
          ({ bytesWritten }) => bytesWritten > 0,
          () => false,
        )
      );
    }
  } finally {
    await handle.close();
  }
}
