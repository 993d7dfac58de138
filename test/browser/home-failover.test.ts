import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { seedData } from '../../src/cli/seed-data.ts';
import { eventually } from '../support/eventually.ts';
import { type NodeProcess, startCluster, type TestCluster } from '../support/node-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  type ChatBrowser,
  hasChromium,
  messagesOn,
  NODE_IS_AWAY,
  openGroup,
  startChatBrowser,
  waitForMessage,
  write,
} from './chat-browser.ts';

const GROUP = 'Grupo Geral';

describe('The chat page goes on while nodes die', function () {
  this.timeout(240_000);
  let database: TestDatabase;
  let cluster: TestCluster;
  let browser: ChatBrowser;
  let first: NodeProcess;
  let second: NodeProcess;
  let ana: Page;
  let bruno: Page;

  before('two nodes, a browser and two people', async function () {
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
  after('two nodes, a browser and two people', async () => {
    await browser?.close();
    await cluster?.stop();
    await database?.drop();
  });

  const notice = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const chip = (page: Page, text: string) =>
    page.getByRole('list', { name: 'Nodes of the cluster' }).getByText(text).waitFor();

  /** Both send numbered messages while `trouble` happens; afterwards both pages show all of them, once, in one order. */
  async function writeThrough(name: string, trouble: () => Promise<void>): Promise<void> {
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
    await trouble();
    await writing;
    const ofThis = async (page: Page) => (await messagesOn(page)).filter((text) => text.startsWith(name));
    for (const page of [ana, bruno]) {
      await eventually(
        'nothing is under way, and all has arrived',
        async () =>
          (await page.locator('.sending, .failed').count()) === 0 && (await ofThis(page)).length >= sent.length,
        { within: 60_000 },
      );
      expect([...(await ofThis(page))].sort()).to.deep.equal([...sent].sort());
    }
    expect(await ofThis(ana)).to.deep.equal(await ofThis(bruno));
    for (const who of ['ana', 'ana late', 'bruno', 'bruno late']) {
      const own = (await ofThis(ana)).filter((text) => text.startsWith(`${name} ${who} `) && /\d$/.test(text));
      expect(own, 'in the order in which they were written').to.deep.equal(sent.filter((text) => own.includes(text)));
    }
  }

  it('loses and doubles nothing when the active is killed, and says what has happened', async () => {
    await writeThrough('kill', async () => first.kill('SIGKILL'));
    for (const page of [ana, bruno]) {
      await notice(page, `${first.name} is gone; ${second.name} serves.`);
      await chip(page, `${first.name}: gone`);
      await chip(page, `${second.name}: active`);
    }
    expect(browser.problems(NODE_IS_AWAY)).to.deep.equal([]);
  });

  it('says when the node is back, and goes on when the other one is killed', async () => {
    await first.start();
    for (const page of [ana, bruno]) await notice(page, `${first.name} is back and stands by.`);
    await writeThrough('back', async () => second.kill('SIGKILL'));
    for (const page of [ana, bruno]) await chip(page, `${first.name}: active`);
    expect(browser.problems(NODE_IS_AWAY)).to.deep.equal([]);
  });

  it('keeps what is written while no node serves, and sends it when one does', async () => {
    first.freeze();
    await notice(ana, 'No node can be reached.');
    await write(ana, 'written while nobody serves');
    await ana.locator('.message.sending', { hasText: 'written while nobody serves' }).waitFor();
    first.thaw();
    for (const page of [ana, bruno]) await waitForMessage(page, 'written while nobody serves');
    await notice(ana, `${first.name} serves again.`);
    expect(browser.problems(NODE_IS_AWAY)).to.deep.equal([]);
  });
});
