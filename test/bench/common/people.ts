import type pg from 'pg';
import { withSession } from '../../support/postgres/with-session.ts';
import type { RequestSpec } from '../load/requests.ts';

export const USERS = 1000;
export const GROUPS = 100;
/** The text of a message: a sentence or two. */
export const CONTENT =
  'The quick brown fox jumps over the lazy dog, and then it stays on call for the rest of the night. '.padEnd(100, '.');

/** Creates users 1 to {@link USERS} and groups 1 to {@link GROUPS}. Each user is in ten groups; each group has a hundred members. */
export async function makePeople(databaseUrl: string): Promise<void> {
  await sql(
    databaseUrl,
    `INSERT INTO plantao.users (username) SELECT 'user-' || n FROM generate_series(1, ${USERS}) n;
     INSERT INTO plantao.groups (name, creator_id) SELECT 'group-' || n, n FROM generate_series(1, ${GROUPS}) n;
     INSERT INTO plantao.memberships (group_id, user_id)
       SELECT 1 + (u + 10 * n) % ${GROUPS}, u FROM generate_series(1, ${USERS}) u, generate_series(0, 9) n;
     ANALYZE`,
  );
}

/** Returns posts of different users to their groups. */
export function posts(headersOf: (userId: number) => Record<string, string> = () => ({})): RequestSpec[] {
  return Array.from({ length: USERS }, (_, at) => {
    const userId = at + 1;
    const groupId = 1 + ((userId + 10 * (at % 10)) % GROUPS);
    return {
      method: 'POST',
      path: '/messages',
      headers: headersOf(userId),
      body: { userId, groupId, content: CONTENT },
    };
  });
}

/** Runs statements on a new connection and returns the rows of the last one. */
export async function sql<Row extends pg.QueryResultRow>(databaseUrl: string, text: string): Promise<Row[]> {
  return withSession(databaseUrl, async (client) => {
    const result = (await client.query<Row>(text)) as pg.QueryResult<Row> | pg.QueryResult<Row>[];
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
  });
}
