import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ServerUser } from '../embedded/system-user.ts';

const execute = promisify(execFile);

/** Debian and its derivatives keep the server programs of each version here, outside of PATH. */
export const DEBIAN_FOLDER = '/usr/lib/postgresql';
const LIMIT_MS = 120_000;

/** The name of a program of PostgreSQL. */
export type ServerProgram = 'initdb' | 'postgres' | 'pg_basebackup' | 'pg_rewind' | 'pg_dump' | 'pg_restore';

/** How a program of PostgreSQL runs. */
export interface ProgramRun {
  env?: Record<string, string>;
  /** Ends it. */
  signal?: AbortSignal;
}

/** One installation of PostgreSQL's server programs, and the user that runs them. */
export class ServerTools {
  readonly folder: string;
  readonly user: ServerUser;

  constructor(folder: string, user: ServerUser) {
    this.folder = folder;
    this.user = user;
  }

  /** The path of a program. */
  path(program: ServerProgram): string {
    return path.join(this.folder, program);
  }

  /** Runs a program as the server's user. @throws Error with its output. */
  async run(program: ServerProgram, args: string[], { env = {}, signal }: ProgramRun = {}): Promise<void> {
    const how = { ...this.user, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC', ...env }, timeout: LIMIT_MS };
    try {
      await execute(this.path(program), args, { ...how, ...(signal && { signal }) });
    } catch (error) {
      const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
      throw new Error(`${program} failed: ${output || error}`, { cause: error });
    }
  }
}

/** Returns the folder of the newest installation that has all `programs`, or null. Looks in `searchPath` (PATH) first. */
export async function findServerFolder(
  programs: readonly ServerProgram[],
  searchPath: string | undefined,
): Promise<string | null> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(searchPath ?? '').split(path.delimiter).filter(Boolean),
    ...newestFirst.map((version) => path.join(DEBIAN_FOLDER, version, 'bin')),
  ];
  for (const folder of folders) {
    const isComplete = await Promise.all(programs.map((program) => isExecutable(path.join(folder, program))));
    if (isComplete.every(Boolean)) return folder;
  }
  return null;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
