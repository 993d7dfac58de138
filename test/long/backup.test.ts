import { execFile } from 'node:child_process';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import type { ServerTools } from '../../src/local-cluster/replicated/server-tools.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { freePort } from '../support/network/free-port.ts';
import { get } from '../support/network/http.ts';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import { useNodesOfDatabases } from '../support/nodes/nodes-of-databases.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../support/postgres/replica.ts';
import { requireServerTools } from '../support/postgres/replica-tools.ts';

const run = promisify(execFile);
const PASSWORD = 'a long password';

const urlOf = (url: string, change: Partial<Pick<URL, 'pathname' | 'username' | 'password'>>) =>
  Object.assign(new URL(url), change).href;

describe('The commands of .ops/BACKUP.md', function () {
  this.timeout(180_000);
  const commands = new Map<string, string>();
  const { activeNode, send, poll } = useNodesOfDatabases();
  let tools: ServerTools;
  let folder: string;
  let original: ReplicatedPostgres;
  let env: Record<string, string>;

  before(async function () {
    tools = await requireServerTools(this);
    const page = await readFile(path.join(PACKAGE_ROOT, '.ops/BACKUP.md'), 'utf8');
    for (const [, name = '', text = ''] of page.matchAll(/^```sh (\w+)\n(.*?)^```$/gms)) commands.set(name, text);
    folder = await mkdtemp(path.join(tmpdir(), 'plantao-backup-'));
    const { uid, gid } = tools.user;
    if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
    original = await startReplicatedPostgres({ tools, standbys: 0 });
    const { url } = original.primary;
    await seedData(url);
    const DUMP = path.join(folder, 'plantao.dump');
    env = { DATABASE_URL: url, SERVER: url, DUMP, BACKUP: path.join(folder, 'backup'), CHAT_PASSWORD: PASSWORD };
  });
  after(async () => {
    await original?.remove();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  const execute = async (name: string, more: Record<string, string> = {}) => {
    const text = commands.get(name);
    if (text === undefined) throw new Error(`.ops/BACKUP.md has no commands called ${name}`);
    const PATH = `${tools.folder}:${process.env.PATH}`;
    const how = {
      ...tools.user,
      cwd: folder,
      env: { PATH, LC_ALL: 'C', HOME: folder, ...env, ...more },
      timeout: 120_000,
    };
    await run('bash', ['-ec', text], how);
  };

  const contentsOf = async (node: NodeProcess) => {
    const { body } = await get<{ messages: { content: string }[] }>(`${node.url}/messages?groupId=1`);
    return body.messages.map(({ content }) => content);
  };

  describe('dump, restore and clone', () => {
    let target: ReplicatedPostgres | undefined;
    afterEach(() => target?.remove());

    it('create a database with the contents of the dump, as a cluster of its own', async () => {
      const source = await activeNode(original.primary.url, 'original');
      const inDump = await send(source, 'in the dump');
      await execute('dump');
      const later = await send(source, 'after the dump');
      target = await startReplicatedPostgres({ tools, standbys: 0, migrated: false });
      const { url } = target.primary;
      const restored = urlOf(url, { pathname: '/chat' });
      const named = { TARGET_SERVER: urlOf(url, { pathname: '/postgres' }), TARGET_URL: restored };
      await execute('restore', named);
      await execute('clone', named);
      const copy = await activeNode(urlOf(restored, { username: 'chat', password: PASSWORD }), 'copy');
      expect(await contentsOf(copy))
        .to.include('in the dump')
        .and.not.include('after the dump');
      expect((await poll(copy, inDump)).status).to.be.oneOf([200, 204]);
      expect((await poll(copy, later)).status).to.equal(410);
      const [one, other] = await Promise.all([source, copy].map(({ url: at }) => get(`${at}/health`)));
      expect(one?.body.cluster).to.not.equal(other?.body.cluster);
    });
  });

  describe('dump and restore on a newer PostgreSQL', () => {
    let newer: OwnPostgres | undefined;
    afterEach(() => newer?.remove());

    it('continue every cursor, if the nodes were stopped before', async () => {
      const source = await activeNode(original.primary.url, 'before');
      const cursor = await send(source, 'last before the upgrade');
      await source.stop();
      await execute('dump');
      newer = await startPostgresOfItsOwn();
      const url = urlOf(newer.url, { pathname: '/chat' });
      await execute('restore', { TARGET_SERVER: urlOf(newer.url, { pathname: '/postgres' }), TARGET_URL: url });
      const upgraded = await activeNode(urlOf(url, { username: 'chat', password: PASSWORD }), 'after');
      await send(upgraded, 'first after the upgrade');
      const { body, status } = await poll(upgraded, cursor);
      expect(status).to.equal(200);
      expect(body.events.map(({ message }) => message?.content)).to.deep.equal(['first after the upgrade']);
    });
  });

  describe('basebackup and start', () => {
    let isStarted = false;
    afterEach(async () => {
      if (isStarted)
        await run(path.join(tools.folder, 'pg_ctl'), ['stop', '--mode=fast', '-D', env.BACKUP ?? ''], tools.user);
    });

    it('create a server in the state that it had at the moment of the backup', async () => {
      const source = await activeNode(original.primary.url, 'original');
      await send(source, 'in the backup');
      await execute('basebackup');
      const later = await send(source, 'after the backup');
      const PORT = String(await freePort());
      await execute('start', { PORT });
      isStarted = true;
      const restored = await activeNode(Object.assign(new URL(original.primary.url), { port: PORT }).href, 'restored');
      expect(await contentsOf(restored))
        .to.include('in the backup')
        .and.not.include('after the backup');
      expect((await poll(restored, later)).status).to.equal(410);
    });
  });

  it('are all run by this test', () => {
    expect([...commands.keys()]).to.deep.equal(['dump', 'restore', 'clone', 'basebackup', 'start']);
  });
});
