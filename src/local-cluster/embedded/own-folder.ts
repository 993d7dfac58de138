import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

/** The bits of a mode that let users other than the owner write. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

const isOurs = ({ uid }: Stats) => uid === process.getuid?.();

/**
 * Checks that no other user can rename or replace `folder`: each folder above it is root's or ours, and one that others may
 * write to has the sticky bit.
 * @throws EmbeddedPostgresError
 */
export async function checkPlace(folder: string): Promise<void> {
  let above = await realpath(path.dirname(folder));
  for (;;) {
    const stats = await lstat(above);
    if (stats.uid !== 0 && !isOurs(stats)) throw untrusted(folder, `${above} belongs to another user`);
    if ((stats.mode & OTHERS_WRITE) !== 0 && (stats.mode & STICKY) === 0) {
      throw untrusted(folder, `other users may replace what is in ${above}, which lacks the sticky bit`);
    }
    if (above === path.dirname(above)) return;
    above = path.dirname(above);
  }
}

/** Checks that `folder` itself is our folder and no other user may write to it. @throws EmbeddedPostgresError */
export async function checkOwnFolder(folder: string): Promise<void> {
  const stats = await lstat(folder);
  if (!stats.isDirectory()) throw untrusted(folder, 'it is not a folder');
  checkOwner(folder, folder, stats);
}

/**
 * Checks that `folder` and its content are ours and that no other user may write to them. No file may have a second name (a
 * hard link), and no link may lead out of the folder.
 * @throws EmbeddedPostgresError
 */
export async function checkOwnTree(folder: string): Promise<void> {
  await checkOwnFolder(folder);
  for (const entry of await readdir(folder, { recursive: true })) {
    const at = path.join(folder, entry);
    const stats = await lstat(at);
    if (stats.isSymbolicLink()) {
      const target = path.resolve(path.dirname(at), await readlink(at));
      if (!target.startsWith(`${folder}${path.sep}`)) throw untrusted(folder, `${at} leads out of it`);
      if (!isOurs(stats)) throw untrusted(folder, `${at} belongs to another user`);
      continue;
    }
    if (!stats.isDirectory() && !stats.isFile()) throw untrusted(folder, `${at} is neither file nor folder`);
    if (stats.isFile() && stats.nlink > 1) throw untrusted(folder, `${at} has a second hard link`);
    checkOwner(folder, at, stats);
  }
}

function checkOwner(folder: string, at: string, stats: Stats): void {
  if (!isOurs(stats)) throw untrusted(folder, `${at} belongs to another user`);
  if ((stats.mode & OTHERS_WRITE) !== 0) throw untrusted(folder, `other users may write to ${at}`);
}

function untrusted(folder: string, why: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `${folder} cannot be trusted: ${why}. Remove it, set TMPDIR to a folder of your own, or move the project to a folder that other users can enter.`,
  );
}
