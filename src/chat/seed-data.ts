import { fileURLToPath } from 'node:url';
import { applicationName, connectionOptions } from '../database/connection.ts';
import { messageOf, SqlState, sqlState } from '../database/errors.ts';
import { reachable } from '../database/reachable.ts';
import { Session } from '../database/session.ts';
import { processEnvironment, readSettings } from '../settings.ts';

/** A few rows; longer means that nobody is there. */
const LIMIT_MS = 10_000;

/**
 * The demo data of the seed: users ana_orm and bruno_orm, group Grupo Geral with both in it, two messages. Where one of the two
 * exists nothing is done: it is never there twice, nor again where somebody removed half of it. Plain SQL: it runs before
 * there is a node, and so without a term.
 */
export async function seedData(databaseUrl: string): Promise<boolean> {
  const session = await Session.open(connectionOptions(databaseUrl, applicationName('-', 'migrate'), LIMIT_MS));
  try {
    const text = `
       WITH ana AS (INSERT INTO plantao.users (username) SELECT 'ana_orm'
                    WHERE NOT EXISTS (SELECT FROM plantao.users WHERE username_key = 'bruno_orm')
                    ON CONFLICT (username_key) DO NOTHING RETURNING id),
            bruno AS (INSERT INTO plantao.users (username) SELECT 'bruno_orm' FROM ana RETURNING id),
            geral AS (INSERT INTO plantao.groups (name, creator_id) SELECT 'Grupo Geral', id FROM ana RETURNING id),
            members AS (INSERT INTO plantao.memberships (group_id, user_id)
                        SELECT geral.id, people.id FROM geral, (SELECT id FROM ana UNION SELECT id FROM bruno) people
                        RETURNING group_id)
       INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT geral.id, ana.id, 'Olá, pessoal!' FROM geral, ana
       UNION ALL SELECT geral.id, bruno.id, 'Oi, Ana! Tudo bem?' FROM geral, bruno
       RETURNING id`;
    // A little more than the server gives itself: then it is known what became of it.
    const added = await session.query({ text }, LIMIT_MS + 500);
    return added.length > 0;
  } finally {
    await session.close();
  }
}

/** `npm run seed-data`: adds the demo data to the configured database, and says so. */
async function main(): Promise<void> {
  try {
    const url = readSettings(processEnvironment()).databaseDirectUrl;
    const added = await reachable(url, () => seedData(url));
    console.log(added ? 'demo data added' : 'the demo data is there already');
  } catch (error) {
    const isBare = sqlState(error) === SqlState.UNDEFINED_TABLE;
    console.error(isBare ? 'the database has no schema yet: run `npm run migrate` first' : messageOf(error));
    process.exitCode = 1;
  }
}

// Not awaited: a module that waits at its top cannot be loaded with require(), as mocha does with the tests' imports.
if (process.argv[1] === fileURLToPath(import.meta.url)) void main();
