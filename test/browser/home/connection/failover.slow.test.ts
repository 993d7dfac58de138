import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startCluster, type TestCluster } from '../../support/nodes/node-process.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import {
  type ChatBrowser,
  hasChromium,
  messagesOn,
  NODE_IS_DOWN,
  openGroup,
  startChatBrowser,
  waitForMessage,
  write,
} from '../chat-browser.ts';

const GROUP = 'Grupo Geral';

describe('The chat page during failovers', function () {
  this.timeout(240_000);
  let database: TestDatabase;
  let cluster: TestCluster;
  let browser: ChatBrowser;
  let first: NodeProcess;
  let second: NodeProcess;
  let ana: Page;
  let bruno: Page;

  before('start two nodes and a browser, and sign in two users', async function () {
    if (!hasChromium()) return this.skip();
    database = await createDatabase();
    await seedData(database.url);
    cluster = await startCluster({ databaseUrl: database.url });
    const [one, other] = cluster.nodes;
    if (one === undefined || other === undefined) throw new Error('the cluster has no two nodes');
    [first, second] = [one, other];
    browser = await startChatBrowser();
    ana = await browser.signIn(first.url, 'ana_orm');
    bruno = await browser.signIn(second.url, 'bruno_orm');
    for (const page of [ana, bruno]) await openGroup(page, GROUP);
  });
  after('stop the browser and the nodes', async () => {
    await browser?.close();
    await cluster?.stop();
    await database?.drop();
  });

  const notice = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const chip = (page: Page, text: string) =>
    page.getByRole('list', { name: 'Nodes of the cluster' }).getByText(text).waitFor();

  /** Both users send numbered messages during `fault`. Afterwards both pages show each of them once, in the same order. */
  async function writeDuring(name: string, fault: () => Promise<void>): Promise<void> {
    const sent: string[] = [];
    const send = async (page: Page, who: string, count: number) => {
      for (let number = 1; number <= count; number += 1) {
        const text = `${name} ${who} ${number}`;
        sent.push(text);
        await write(page, text);
      }
    };
    await Promise.all([send(ana, 'ana', 5), send(bruno, 'bruno', 5)]);
    const writing = Promise.all([send(ana, 'ana late', 10), send(bruno, 'bruno late', 10)]);
    await fault();
    await writing;
    const received = async (page: Page) => (await messagesOn(page)).filter((text) => text.startsWith(name));
    for (const page of [ana, bruno]) {
      await eventually(
        'no message is pending, and all have arrived',
        async () =>
          (await page.locator('.sending, .failed').count()) === 0 && (await received(page)).length >= sent.length,
        { within: 60_000 },
      );
      expect([...(await received(page))].sort()).to.deep.equal([...sent].sort());
    }
    expect(await received(ana)).to.deep.equal(await received(bruno));
    for (const who of ['ana', 'ana late', 'bruno', 'bruno late']) {
      const own = (await received(ana)).filter((text) => text.startsWith(`${name} ${who} `) && /\d$/.test(text));
      expect(own, 'in the order in which they were written').to.deep.equal(sent.filter((text) => own.includes(text)));
    }
  }

  it('loses and duplicates no message when the active node is killed, and shows a notice', async () => {
    await writeDuring('kill', async () => first.kill('SIGKILL'));
    for (const page of [ana, bruno]) {
      await notice(page, `${first.name} is unreachable; ${second.name} is active.`);
      await chip(page, `${first.name}: unreachable`);
      await chip(page, `${second.name}: active`);
    }
    expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('shows when the node is back, and continues when the other node is killed', async () => {
    await first.start();
    for (const page of [ana, bruno]) await notice(page, `${first.name} is back as standby.`);
    await writeDuring('back', async () => second.kill('SIGKILL'));
    for (const page of [ana, bruno]) await chip(page, `${first.name}: active`);
    expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('keeps messages written while no node is reachable, and sends them when one is', async () => {
    first.freeze();
    await notice(ana, "Can't connect.");
    await write(ana, 'written while no node serves');
    await ana.locator('.message.sending', { hasText: 'written while no node serves' }).waitFor();
    first.thaw();
    for (const page of [ana, bruno]) await waitForMessage(page, 'written while no node serves');
    await notice(ana, "You're connected again.");
    expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('opens while its own node is away, and works with the other one', async () => {
    await second.start();
    const page = await browser.signIn(second.url, 'ana_orm', { serviceWorkers: 'allow' });
    await openGroup(page, GROUP);
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await chip(page, `${first.name}: active`);
    // With this reload the worker keeps the page, which may call both nodes.
    await page.reload();
    await waitForMessage(page, 'written while no node serves');
    second.kill('SIGKILL');
    await page.reload();
    await chip(page, `${first.name}: active`);
    await chip(page, `${second.name}: unreachable`);
    await write(page, 'written beside the own node');
    await waitForMessage(page, 'written beside the own node');
    await waitForMessage(bruno, 'written beside the own node');
    expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });
});
