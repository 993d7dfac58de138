import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../src/client/index.ts';
import { useBrowserCluster } from '../browser-cluster.ts';
import { openGroup, waitForMessage } from '../chat-browser.ts';

interface Shift {
  value: number;
  parts: string[];
}

describe('The layout of the chat page', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  before('write messages', async () => {
    const bruno = new ChatClient({ urls: [use.first.url] });
    await bruno.login('bruno');
    await new ChatClient({ urls: [use.first.url] }).login('ana');
    for (const name of ['One', 'Two', 'Three']) {
      const { group_id: id } = await bruno.createChat(name, ['ana']);
      for (let index = 0; index < 12; index += 1) await bruno.send(id, `message ${index} of ${name}`);
    }
  });
  afterEach('close the pages', () => use.browser?.closePages());

  /** Records from now on, and in pages that are loaded later, which parts move without an action of the user. */
  async function watch(page: Page): Promise<void> {
    await page.addInitScript(() => {
      const shifts: unknown[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as unknown as { value: number; sources: { node?: Element }[] }[]) {
          const parts = entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName || '');
          shifts.push({ value: entry.value, parts });
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
  }
  const shiftsOf = (page: Page) => page.evaluate(() => (window as unknown as { shifts: Shift[] }).shifts);

  for (const width of [360, 820, 1200, 1280]) {
    for (const locale of ['en-GB', 'pt-BR']) {
      it(`does not move while the page loads, at ${width} pixels, in ${locale}`, async () => {
        const page = await use.browser.signIn(use.first.url, 'ana', { viewport: { width, height: 740 } });
        if (locale === 'pt-BR') await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
        await watch(page);
        await openGroup(page, 'Two');
        await waitForMessage(page, 'message 11 of Two');
        await page.reload();
        await waitForMessage(page, 'message 11 of Two');
        await page.locator('#nodes li').nth(1).waitFor();
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0))));
        const shifts = await shiftsOf(page);
        // Less than a text that gets a few pixels wider.
        expect(shifts.filter(({ value }) => value > 0.03)).to.deep.equal([]);
      });
    }
  }

  it('has a bar of one row, with any nodes at any width', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana');
    await page.evaluate(() => {
      const chips = document.querySelector('#nodes');
      for (const name of ['db-eu-west-1a-chat-node-17', 'db-eu-west-1b-chat-node-18', 'c']) {
        const chip = chips?.firstElementChild?.cloneNode(true) as HTMLElement;
        const text = chip.querySelector('.text');
        if (text) text.textContent = `${name}: unreachable`;
        chips?.append(chip);
      }
    });
    for (const width of [320, 700, 720, 820, 1000, 1200, 1280, 1920]) {
      await page.setViewportSize({ width, height: 740 });
      const { height, excess } = await page.evaluate(() => ({
        height: document.querySelector('#top')?.getBoundingClientRect().height ?? 0,
        excess: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      }));
      expect(height, `at ${width} pixels`).to.be.lessThan(52);
      expect(excess, `at ${width} pixels`).to.equal(0);
    }
  });
});
