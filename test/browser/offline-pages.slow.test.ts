import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { type NodeProcess, startCluster, type TestCluster } from '../support/nodes/node-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres/postgres.ts';
import { type ChatBrowser, hasChromium, NODE_IS_DOWN, startChatBrowser } from './chat-browser.ts';

const OFFLINE = /ERR_INTERNET_DISCONNECTED/;

describe('The cluster page and the documentation, while their own node is away', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let cluster: TestCluster;
  let browser: ChatBrowser;
  let first: NodeProcess;
  let second: NodeProcess;

  before('start two nodes and a browser', async function () {
    if (!hasChromium()) return this.skip();
    database = await createDatabase();
    cluster = await startCluster({ databaseUrl: database.url });
    const [one, other] = cluster.nodes;
    if (one === undefined || other === undefined) throw new Error('the cluster has no two nodes');
    [first, second] = [one, other];
    browser = await startChatBrowser();
  });
  after('stop the browser and the nodes', async () => {
    await browser?.close();
    await cluster?.stop();
    await database?.drop();
  });

  /** Opens a page with its service worker, once it has kept all pages. */
  async function visit(node: NodeProcess, path: string): Promise<Page> {
    const page = await browser.open(node.url, { serviceWorkers: 'allow' }, path);
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    // With this reload the worker keeps the page, which may call both nodes.
    await page.reload();
    await page.locator('main').waitFor();
    return page;
  }

  it('open without a network after a visit to any of the pages, and say that they are not live', async () => {
    const page = await visit(first, '/docs');
    await page.context().setOffline(true);
    await page.goto(`${first.url}/cluster`);
    await page.getByText("This page can't reach any node.").waitFor();
    await page.goto(`${first.url}/docs`);
    await page.getByText("This node doesn't respond.").waitFor();
    await page.getByLabel('Filter').fill('post /messages');
    await page.locator('#postMessages').waitFor();
    await page.context().setOffline(false);
    await browser.closePages();
    expect(browser.problems(OFFLINE)).to.deep.equal([]);
  });

  it('show the failover of their own node, live from the other one, and lead there', async () => {
    const page = await visit(first, '/cluster');
    await page.getByText(`${first.name} has been active for`).waitFor();
    await page.getByRole('listitem').filter({ hasText: second.url }).waitFor();
    await first.kill('SIGKILL');
    await page.goto(`${first.url}/cluster`);
    await page.getByText(`${second.name} has been active for`).waitFor();
    await page.getByText(`Live from ${second.name}`).waitFor();
    await page.goto(`${first.url}/docs`);
    await page.getByText("This node doesn't respond.").getByRole('link', { name: second.name }).click();
    await page.waitForURL(`${second.url}/docs`);
    await page.getByRole('heading', { name: 'Plantão API' }).waitFor();
    await browser.closePages();
    expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });
});
