import { DbaSession } from './dba-session.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';
import { dropAfterFile } from './test-server.ts';

/** The result of {@link useDatabase}. It can be destructured at once; what it names exists when the first test runs. */
export interface UsedDatabase {
  database: Pick<TestDatabase, 'url' | 'name'>;
  sql: DbaSession;
}

/**
 * Creates a migrated database and opens a session of a DBA, for all tests of a `describe`. Call it before the hooks that need them.
 * The databases are dropped at the end of the file. With `empty` they have no schema, with `each` every test has one of its own.
 */
export function useDatabase(options: { empty?: boolean; each?: boolean } = {}): UsedDatabase {
  let created: TestDatabase;
  const database = {
    get url() {
      return created.url;
    },
    get name() {
      return created.name;
    },
  };
  const sql = new DbaSession(() => created.url);
  const [begin, end] = options.each ? [beforeEach, afterEach] : [before, after];
  begin('a database', async () => {
    created = await createDatabase(options);
    dropAfterFile(created);
    await sql.connect();
  });
  end('a database', () => sql.end());
  return { database, sql };
}
