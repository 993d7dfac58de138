import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { get } from '../network/http.ts';
import { People } from '../network/people.ts';
import { DbaSession } from '../postgres/dba-session.ts';
import { createDatabase, type TestDatabase } from '../postgres/postgres.ts';
import { type LocalNode, localNode } from './two-nodes.ts';

/** The result of {@link useOneNode}. It can be destructured at once; what it names exists when the first test runs. */
export interface UsedNode {
  database: Pick<TestDatabase, 'url' | 'name'>;
  sql: DbaSession;
  people: People;
  node: Pick<LocalNode, 'url' | 'name' | 'entries'>;
}

/**
 * Starts an active node in this process, on an empty database of its own, for all tests of a `describe`. `env` is its environment. The
 * node may log no error, since no request of a client may cause one; except where the tests break its database (`mayLogErrors`).
 */
export function useOneNode(env: Record<string, string> = {}, { mayLogErrors = false } = {}): UsedNode {
  let database: TestDatabase;
  let node: LocalNode;
  const sql = new DbaSession(() => database.url);
  before('a node', async () => {
    database = await createDatabase();
    await sql.connect();
    node = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), DB_POOL_SIZE: '4', ...env });
    await node.start();
    await eventually('the node is active', async () => (await get(`${node.url}/primary`)).status === 200);
  });
  after('a node', async () => {
    await node?.stop();
    await sql.end();
    await database?.drop();
    if (!mayLogErrors) expect(node?.entries.filter((entry) => entry.level >= 50) ?? []).to.deep.equal([]);
  });
  return {
    sql,
    people: new People(sql),
    database: {
      get url() {
        return database.url;
      },
      get name() {
        return database.name;
      },
    },
    node: {
      get url() {
        return node.url;
      },
      get name() {
        return node.name;
      },
      get entries() {
        return node.entries;
      },
    },
  };
}
