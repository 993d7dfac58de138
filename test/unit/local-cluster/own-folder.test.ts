import { chmod, chown, lchown, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { EmbeddedPostgresError } from '../../../src/local-cluster/embedded/embedded-postgres-error.ts';
import { checkOwnFolder, checkOwnTree, checkPlace } from '../../../src/local-cluster/embedded/own-folder.ts';

/** The id of another local user. */
const OTHER = 65_534;
const isRoot = process.getuid?.() === 0;

describe('A folder of programs that root runs', () => {
  let base: string;
  let folder: string;
  beforeEach(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'plantao-test-own-'));
    folder = path.join(base, 'programs');
    await mkdir(path.join(folder, 'bin'), { recursive: true, mode: 0o755 });
    await writeFile(path.join(folder, 'bin', 'postgres'), 'x', { mode: 0o755 });
    await symlink('postgres', path.join(folder, 'bin', 'postmaster'));
  });
  afterEach(() => rm(base, { recursive: true, force: true }));

  const refusal = (checking: Promise<void>): Promise<string | null> =>
    checking.then(
      () => null,
      (error) => (error instanceof EmbeddedPostgresError ? error.message : Promise.reject(error)),
    );

  it('is accepted if it is ours and no other user may write to it', async () => {
    expect(await refusal(checkPlace(folder))).to.equal(null);
    expect(await refusal(checkOwnTree(folder))).to.equal(null);
  });

  it('is rejected if others may write to it or to a file in it', async () => {
    await chmod(path.join(folder, 'bin', 'postgres'), 0o777);
    expect(await refusal(checkOwnTree(folder))).to.match(/other users may write to .*postgres/);
    await chmod(path.join(folder, 'bin', 'postgres'), 0o755);
    await chmod(folder, 0o775);
    expect(await refusal(checkOwnFolder(folder))).to.include('other users may write to');
  });

  it('is rejected if it is a link, or contains a link that leads out of it or a hard-linked file', async () => {
    const planted = path.join(base, 'planted');
    await symlink(folder, planted);
    expect(await refusal(checkOwnTree(planted))).to.include('it is not a folder');
    await link(path.join(folder, 'bin', 'postgres'), path.join(base, 'hard link'));
    expect(await refusal(checkOwnTree(folder))).to.include('has a second hard link');
    await rm(path.join(base, 'hard link'));
    await symlink('/etc/passwd', path.join(folder, 'lib'));
    expect(await refusal(checkOwnTree(folder))).to.include('leads out of it');
  });

  it('is rejected below a folder that others may write to, unless that has the sticky bit', async () => {
    await chmod(base, 0o777);
    expect(await refusal(checkPlace(folder))).to.include('lacks the sticky bit');
    await chmod(base, 0o1777);
    expect(await refusal(checkPlace(folder))).to.equal(null);
  });

  it('is rejected if it, a file in it or a folder above it belongs to another user', async function () {
    // Only root can give something away.
    if (!isRoot) this.skip();
    const file = path.join(folder, 'bin', 'postgres');
    await chown(file, OTHER, OTHER);
    expect(await refusal(checkOwnTree(folder))).to.include('belongs to another user');
    await chown(file, 0, 0);
    await lchown(path.join(folder, 'bin', 'postmaster'), OTHER, OTHER);
    expect(await refusal(checkOwnTree(folder))).to.include('belongs to another user');
    await chown(folder, OTHER, OTHER);
    expect(await refusal(checkOwnFolder(folder))).to.include('belongs to another user');
    await chown(base, OTHER, OTHER);
    expect(await refusal(checkPlace(folder))).to.include('belongs to another user');
  });
});
