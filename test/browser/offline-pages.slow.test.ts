import { expect } from 'chai';
import type { Page } from 'playwright-core';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import { useBrowserCluster } from './browser-cluster.ts';
import { NODE_IS_DOWN } from './chat-browser.ts';

const OFFLINE = /ERR_INTERNET_DISCONNECTED/;

describe('The cluster page and the documentation, while their own node is away', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  /** Opens a page with its service worker, once it has kept all pages. */
  async function visit(node: NodeProcess, path: string): Promise<Page> {
    const page = await use.browser.open(node.url, { serviceWorkers: 'allow' }, path);
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    // With this reload the worker keeps the page, which may call both nodes.
    await page.reload();
    await page.locator('main').waitFor();
    return page;
  }

  it('open without a network after a visit to any of the pages, and say that they are not live', async () => {
    const page = await visit(use.first, '/docs');
    await page.context().setOffline(true);
    await page.goto(`${use.first.url}/cluster`);
    await page.getByText("This page can't reach any node.").waitFor();
    await page.goto(`${use.first.url}/docs`);
    await page.getByText("This node doesn't respond.").waitFor();
    await page.getByLabel('Filter').fill('post /messages');
    await page.locator('#postMessages').waitFor();
    await page.context().setOffline(false);
    await use.browser.closePages();
    expect(use.browser.problems(OFFLINE)).to.deep.equal([]);
  });

  it('show the failover of their own node, live from the other one, and link to it', async () => {
    const page = await visit(use.first, '/cluster');
    await page.getByText(`${use.first.name} has been active for`).waitFor();
    await page.getByRole('listitem').filter({ hasText: use.second.url }).waitFor();
    await use.first.kill('SIGKILL');
    await page.goto(`${use.first.url}/cluster`);
    await page.getByText(`${use.second.name} has been active for`).waitFor();
    await page.getByText(`Live from ${use.second.name}`).waitFor();
    await page.goto(`${use.first.url}/docs`);
    await page.getByText("This node doesn't respond.").getByRole('link', { name: use.second.name }).click();
    await page.waitForURL(`${use.second.url}/docs`);
    await page.getByRole('heading', { name: 'Plantão API' }).waitFor();
    await use.browser.closePages();
    expect(use.browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });
});
