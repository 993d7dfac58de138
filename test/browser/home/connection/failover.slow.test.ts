import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { eventually } from '../../../support/eventually.ts';
import { useBrowserCluster } from '../../browser-cluster.ts';
import { messagesOn, NODE_IS_DOWN, openGroup, waitForMessage, write } from '../../chat-browser.ts';

const GROUP = 'Grupo Geral';

describe('The chat page during failovers', function () {
  this.timeout(240_000);
  const use = useBrowserCluster({ demoData: true });
  let ana: Page;
  let bruno: Page;

  before('prepare the users', async () => {
    ana = await use.browser.signIn(use.first.url, 'ana_orm');
    bruno = await use.browser.signIn(use.second.url, 'bruno_orm');
    for (const page of [ana, bruno]) await openGroup(page, GROUP);
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
    await writeDuring('kill', async () => use.first.kill('SIGKILL'));
    for (const page of [ana, bruno]) {
      await notice(page, `${use.first.name} is unreachable; ${use.second.name} is active.`);
      await chip(page, `${use.first.name}: unreachable`);
      await chip(page, `${use.second.name}: active`);
    }
    expect(use.browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('shows when the node is back, and continues when the other node is killed', async () => {
    await use.first.start();
    for (const page of [ana, bruno]) await notice(page, `${use.first.name} is back as standby.`);
    await writeDuring('back', async () => use.second.kill('SIGKILL'));
    for (const page of [ana, bruno]) await chip(page, `${use.first.name}: active`);
    expect(use.browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('keeps messages that are written while no node is reachable, and sends them once one is', async () => {
    use.first.freeze();
    await notice(ana, "Can't connect.");
    await write(ana, 'written while no node serves');
    await ana.locator('.message.sending', { hasText: 'written while no node serves' }).waitFor();
    use.first.thaw();
    for (const page of [ana, bruno]) await waitForMessage(page, 'written while no node serves');
    await notice(ana, "You're connected again.");
    expect(use.browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });

  it('opens while its own node is away, and works with the other one', async () => {
    await use.second.start();
    const page = await use.browser.signIn(use.second.url, 'ana_orm', { serviceWorkers: 'allow' });
    await openGroup(page, GROUP);
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await chip(page, `${use.first.name}: active`);
    // With this reload the worker keeps the page, which may call both nodes.
    await page.reload();
    await waitForMessage(page, 'written while no node serves');
    use.second.kill('SIGKILL');
    await page.reload();
    await chip(page, `${use.first.name}: active`);
    await chip(page, `${use.second.name}: unreachable`);
    await write(page, 'written beside the own node');
    await waitForMessage(page, 'written beside the own node');
    await waitForMessage(bruno, 'written beside the own node');
    expect(use.browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
  });
});
