import { expect } from 'chai';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { type NodeProcess, startCluster } from '../support/nodes/node-process.ts';
import { knowEachOther } from '../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { type ChatBrowser, hasChromium, startChatBrowser } from './chat-browser.ts';

/** The result of {@link useBrowserCluster}; filled when the first test runs. */
export interface BrowserCluster {
  database: TestDatabase;
  /** The node that was started as the active one, and its standby: processes that a test may kill. */
  first: NodeProcess;
  second: NodeProcess;
  browser: ChatBrowser;
}

/** Options of {@link useBrowserCluster}. */
export interface BrowserClusterOptions {
  /** True for the demo data: user 1 ana_orm, 2 bruno_orm, group 1 Grupo Geral. */
  demoData?: boolean;
  /** The environment of both nodes. */
  env?: Record<string, string>;
}

/** Starts two nodes and a browser for all tests of a `describe`. Without Chromium the tests are skipped, as {@link hasChromium} says. */
export function useBrowserCluster({ demoData = false, env = {} }: BrowserClusterOptions = {}): BrowserCluster {
  const used = {} as BrowserCluster;
  let stop = async () => {};
  before('start two nodes and a browser', async function () {
    if (!hasChromium()) return this.skip();
    const database = await createDatabase();
    stop = () => database.drop();
    if (demoData) await seedData(database.url);
    const cluster = await startCluster({ databaseUrl: database.url, env });
    stop = () => cluster.stop().then(() => database.drop());
    const [first, second] = cluster.nodes;
    if (first === undefined || second === undefined) throw new Error('the cluster has no two nodes');
    await knowEachOther({ active: first, standby: second });
    Object.assign(used, { database, first, second, browser: await startChatBrowser() });
  });
  after('stop the browser and the nodes', async () => {
    await used.browser?.close();
    await stop();
  });
  return used;
}

/** Closes the pages after each test of a `describe`, and fails the test if one has reported a problem that is not `allowed`. */
export function expectNoProblems(used: BrowserCluster, allowed?: RegExp): void {
  afterEach('no page has reported a problem', async () => {
    await used.browser?.closePages();
    expect(used.browser?.problems(allowed) ?? []).to.deep.equal([]);
  });
}
