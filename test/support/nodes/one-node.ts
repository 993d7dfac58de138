import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { get } from '../network/http.ts';
import { People } from '../network/people.ts';
import { type UsedDatabase, useDatabase } from '../postgres/use-database.ts';
import { type LocalNode, localNode } from './two-nodes.ts';

/** The result of {@link useOneNode}. It can be destructured at once; what it names exists when the first test runs. */
export interface UsedNode extends UsedDatabase {
  people: People;
  node: Pick<LocalNode, 'url' | 'name' | 'entries'>;
}

/**
 * Starts an active node in this process, on an empty database of its own, for all tests of a `describe`. `env` is its environment. The
 * node may log no error, since no request of a client may cause one; except where the tests break its database (`mayLogErrors`).
 */
export function useOneNode(env: Record<string, string> = {}, { mayLogErrors = false } = {}): UsedNode {
  let started: LocalNode;
  const { database, sql } = useDatabase();
  before('a node', async () => {
    started = localNode({ DATABASE_URL: database.url, PORT: String(await freePort()), DB_POOL_SIZE: '4', ...env });
    await started.start();
    await eventually('the node is active', async () => (await get(`${started.url}/primary`)).status === 200);
  });
  after('a node', async () => {
    await started?.stop();
    if (!mayLogErrors) expect(started?.entries.filter((entry) => entry.level >= 50) ?? []).to.deep.equal([]);
  });
  const node = {
    get url() {
      return started.url;
    },
    get name() {
      return started.name;
    },
    get entries() {
      return started.entries;
    },
  };
  return { database, sql, people: new People(sql), node };
}
