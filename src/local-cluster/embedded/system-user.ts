import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why the embedded PostgreSQL cannot be used, as one sentence for the person who started it. */
export class EmbeddedPostgresError extends Error {
  override name = 'EmbeddedPostgresError';
}

/** Whom the server runs as, ready to be spread into spawn options; empty: whoever we are. */
export interface ServerUser {
  uid?: number;
  gid?: number;
}

/**
 * PostgreSQL refuses to run as root, so root (as in most containers) runs it as the user `postgres`, made if there is none.
 *
 * @throws EmbeddedPostgresError when that user is missing and cannot be made
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
      log('PostgreSQL does not run as root: made the system user postgres for it');
      return made;
    }
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root and a user postgres could not be made: make one, or start as another user.',
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
