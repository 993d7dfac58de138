import { applicationName, connectionOptions } from '../database/session/connection.ts';
import { DatabaseSession } from '../database/session/database-session.ts';
import { runAndClose } from '../database/session/run-and-close.ts';

/** Timeout of the statement; a longer wait means that the database does not respond. */
const LIMIT_MS = 10_000;

/**
 * Adds the demo data (compatible with the Python project that this one replaces): users ana_orm and bruno_orm, their group
 * Grupo Geral, and two messages. If one of the two users exists it does nothing, so the data never exists twice and does not
 * come back after half of it was removed. Plain SQL: it runs before there is a node, and so without a term. Returns true if
 * the data was added.
 */
export async function seedData(databaseUrl: string): Promise<boolean> {
  const session = await DatabaseSession.open(connectionOptions(databaseUrl, applicationName('-', 'command'), LIMIT_MS));
  return runAndClose(session, LIMIT_MS, async (query) => {
    await query('BEGIN');
    const added = await query<{ geral: number; ana: number; bruno: number }>(`
       WITH ana AS (INSERT INTO plantao.users (username) SELECT 'ana_orm'
                    WHERE NOT EXISTS (SELECT FROM plantao.users WHERE username_key = 'bruno_orm')
                    ON CONFLICT (username_key) DO NOTHING RETURNING id),
            bruno AS (INSERT INTO plantao.users (username) SELECT 'bruno_orm' FROM ana RETURNING id),
            geral AS (INSERT INTO plantao.groups (name, creator_id) SELECT 'Grupo Geral', id FROM ana RETURNING id),
            members AS (INSERT INTO plantao.memberships (group_id, user_id)
                        SELECT geral.id, people.id FROM geral, (SELECT id FROM ana UNION SELECT id FROM bruno) people)
       SELECT geral.id AS geral, ana.id AS ana, bruno.id AS bruno FROM geral, ana, bruno`);
    for (const { geral, ana, bruno } of added) {
      // Their default time is the start of the transaction: the messages would be older than the events of the members who join.
      await query(
        `INSERT INTO plantao.messages (group_id, sender_id, content, created_at)
         VALUES ($1, $2, 'Olá, pessoal!', clock_timestamp()), ($1, $3, 'Oi, Ana! Tudo bem?', clock_timestamp())`,
        [geral, ana, bruno],
      );
    }
    await query('COMMIT');
    return added.length > 0;
  });
}
