import { appendFile, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type DataFolder, discardData, EMBEDDED_NAME } from '../embedded/data-folder.ts';
import { endOrphans } from '../embedded/leftovers.ts';
import type { ServerUser } from '../embedded/system-user.ts';
import type { ServerTools } from './server-tools.ts';

/** The server that a standby is copied from, and how the standby names itself to it. */
export interface CopySource {
  port: number;
  password: string;
  /** The standby's application_name, which synchronous_standby_names lists. */
  name: string;
}

/**
 * Replaces the data in `at` with a copy of a running primary's (pg_basebackup), set up as its standby. The copy is renamed to its
 * final name when it is complete, so an interrupted copy is made again. @throws Error with the program's output.
 */
export async function copyPrimary(
  at: DataFolder,
  tools: ServerTools,
  source: CopySource,
  signal: AbortSignal,
): Promise<void> {
  await endOrphans(at, () => undefined);
  await discardData(at);
  const fresh = `${at.data}.new`;
  await mkdir(fresh, { mode: 0o700 });
  await giveTo(tools.user, fresh);
  const { port, password, name } = source;
  const conninfo = `host=127.0.0.1 port=${port} user=${EMBEDDED_NAME} dbname=postgres`;
  const how = ['--checkpoint=fast', '--wal-method=stream', '--no-sync'];
  // The password is not an argument: every user of this machine can read those.
  await tools.run('pg_basebackup', ['--pgdata', fresh, ...how, '--dbname', conninfo], {
    env: { PGPASSWORD: password },
    signal,
  });
  const settings = [
    `primary_conninfo = 'host=127.0.0.1 port=${port} user=${EMBEDDED_NAME} password=${password} application_name=${name}'`,
    // The copy has the setting of the primary.
    "synchronous_standby_names = ''",
  ];
  await appendFile(path.join(fresh, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
  await writeFile(path.join(fresh, 'standby.signal'), '');
  await giveTo(tools.user, path.join(fresh, 'standby.signal'));
  await writeFile(at.passwordFile, `${password}\n`, { mode: 0o600 });
  await giveTo(tools.user, at.passwordFile);
  await rename(fresh, at.data);
}

/** Removes the file that makes the server of `at` a standby: the server then starts as a primary, on the same timeline. */
export async function removeStandbySignal(at: DataFolder): Promise<void> {
  await rm(path.join(at.data, 'standby.signal'), { force: true });
}

async function giveTo({ uid, gid }: ServerUser, file: string): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
}
