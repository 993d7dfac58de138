import { serverUser } from '../../../src/local-cluster/embedded/system-user.ts';
import { DEBIAN_FOLDER, findServerFolder, ServerTools } from '../../../src/local-cluster/replicated/server-tools.ts';

const PROGRAMS = ['initdb', 'postgres', 'pg_basebackup', 'pg_rewind', 'pg_dump', 'pg_restore'] as const;
/** The sentence for {@link findServerTools} without a result. */
export const MISSING_TOOLS = `no folder of PATH and none of ${DEBIAN_FOLDER}/*/bin has all of ${PROGRAMS.join(', ')}: install postgresql`;

/** Returns the newest installation that has every program, or null. Looks on PATH first. */
export async function findServerTools(): Promise<ServerTools | null> {
  const folder = await findServerFolder(PROGRAMS, process.env.PATH);
  return folder === null ? null : new ServerTools(folder, await serverUser(() => undefined));
}

/** Returns the server programs, or skips the suite and prints what is missing. For a `before` hook. */
export async function requireServerTools(context: Mocha.Context): Promise<ServerTools> {
  const tools = await findServerTools();
  if (tools) return tools;
  console.warn(`      skipped: ${MISSING_TOOLS}`);
  return context.skip();
}
