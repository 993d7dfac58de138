import { setTimeout as pause } from 'node:timers/promises';
import { openSessions, testServer, withDatabase } from './test-server.ts';

export { OwnPostgres, startPostgresOfItsOwn } from './own-postgres.ts';

/** A migrated database of one test file. */
export interface TestDatabase {
  url: string;
  name: string;
  /** Drops it. Fails when somebody is still connected two seconds later, and says who; it is gone all the same. */
  drop(): Promise<void>;
}

let count = 0;

/**
 * A database of its own for a test file, cloned from a migrated template in some 30 ms: call it in `before` and drop it
 * in `after`. `empty` gives one without the schema, for tests of the migrations.
 */
export async function createDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = await testServer();
  count += 1;
  const name = `plantao_test_${server.run}_${count}`;
  await server.admin(`CREATE DATABASE ${name}${options.empty ? '' : ` TEMPLATE ${server.template}`}`);
  return {
    name,
    url: withDatabase(server.adminUrl, name),
    drop: async () => {
      const left = await sessionsLeft(name);
      await server.admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      if (left.length > 0) throw new Error(`the database ${name} was dropped under its sessions: ${left.join(', ')}`);
    },
  };
}

async function sessionsLeft(name: string): Promise<string[]> {
  const deadline = performance.now() + 2000;
  for (;;) {
    const left = (await openSessions()).filter(({ database }) => database === name);
    if (left.length === 0 || performance.now() > deadline) {
      return left.map(({ application, pid }) => `"${application}" (backend ${pid})`);
    }
    await pause(20);
  }
}
