import { withDatabaseAdvice } from '../database/database-advice.ts';
import { migrate } from '../database/migrator.ts';
import { connectionOptions } from '../database/session/connection.ts';
import { DatabaseSession } from '../database/session/database-session.ts';
import { runAndClose } from '../database/session/run-and-close.ts';
import type { Output } from './output.ts';

/** Timeout of a query; a longer wait means that the database does not respond. */
const LIMIT_MS = 10_000;

/** The ids of the demo data in this database, for the commands in the banner. */
export interface DemoIds {
  user: number;
  group: number;
}

/**
 * Migrates the database at `url`, adds the demo data with `seed`, and returns its ids; null if the data was removed.
 *
 * @throws an error with a sentence if the database cannot be reached or migrated.
 */
export async function prepareDemoDatabase(
  url: string,
  seed: (url: string) => Promise<unknown>,
  output: Output,
): Promise<DemoIds | null> {
  return withDatabaseAdvice(url, async () => {
    await migrate(url, { log: (line) => output.log(line) });
    await seed(url);
    return demoIds(url);
  });
}

async function demoIds(url: string): Promise<DemoIds | null> {
  const session = await DatabaseSession.open(connectionOptions(url, 'plantao:-:launcher', LIMIT_MS));
  const [ids] = await runAndClose(session, LIMIT_MS, (query) =>
    query<DemoIds>(`SELECT m.user_id AS "user", m.group_id AS "group"
       FROM plantao.memberships m JOIN plantao.users u ON u.id = m.user_id JOIN plantao.groups g ON g.id = m.group_id
       WHERE u.username = 'ana_orm' AND g.name = 'Grupo Geral' ORDER BY m.group_id LIMIT 1`),
  );
  return ids ?? null;
}
