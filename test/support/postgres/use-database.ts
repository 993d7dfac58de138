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
 * The database is dropped at the end of the file. With `empty` it has no schema.
 */
export function useDatabase(options: { empty?: boolean } = {}): UsedDatabase {
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
  before('a database', async () => {
    created = await createDatabase(options);
    dropAfterFile(created);
    await sql.connect();
  });
  after('a database', () => sql.end());
  return { database, sql };
}
