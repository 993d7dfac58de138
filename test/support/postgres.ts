import { setTimeout as pause } from 'node:timers/promises';
import { nextDatabaseName, openSessions, testServer, withDatabase } from './test-server.ts';

export { OwnPostgres, startPostgresOfItsOwn } from './own-postgres.ts';

/** A migrated database of one test file. */
export interface TestDatabase {
  url: string;
  name: string;
  /**
   * Drops it. Where somebody is still connected two seconds later it stays until the end of the run: the root hook fails
   * the file and says who, and a forgotten client does not throw in the middle of another test.
   */
  drop(): Promise<void>;
}

/**
 * A database of its own for a test file, cloned from a migrated template in some 30 ms: call it in `before` and drop it
 * in `after`. `empty` gives one without the schema, for tests of the migrations.
 */
export async function createDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = await testServer();
  const name = nextDatabaseName(server.run);
  await server.admin(`CREATE DATABASE ${name}${options.empty ? '' : ` TEMPLATE ${server.template}`}`);
  return {
    name,
    url: withDatabase(server.adminUrl, name),
    drop: async () => {
      if (await isLeft(name)) await server.admin(`DROP DATABASE IF EXISTS ${name}`);
    },
  };
}

/** True once nobody is connected, false when somebody still is after two seconds. */
async function isLeft(name: string): Promise<boolean> {
  const deadline = performance.now() + 2000;
  for (;;) {
    const isUsed = (await openSessions()).some(({ database }) => database === name);
    if (!isUsed) return true;
    if (performance.now() > deadline) return false;
    await pause(20);
  }
}
