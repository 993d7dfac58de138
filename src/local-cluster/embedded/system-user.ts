import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';

const run = promisify(execFile);

/** The user that runs the server, as spawn options. Empty: the user of this process. */
export interface ServerUser {
  uid?: number;
  gid?: number;
}

/**
 * Returns the user that runs PostgreSQL. PostgreSQL refuses to run as root, so root (as in most containers) runs it as the user
 * `postgres`, which is created if it is missing.
 *
 * @throws EmbeddedPostgresError when that user is missing and cannot be created
 */
export async function serverUser(log: (line: string) => void): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return {};
  const known = await lookUp();
  if (known) return known;
  // Debian and Red Hat first, then Alpine and BusyBox.
  const ways: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres']],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', 'postgres']],
  ];
  for (const [command, args] of ways) {
    await run(command, args).catch(() => undefined);
    const made = await lookUp();
    if (made) {
      log('PostgreSQL does not run as root: created the system user postgres for it');
      return made;
    }
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root and the user postgres could not be created: create it, or start as another user.',
  );
}

async function lookUp(): Promise<ServerUser | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}
