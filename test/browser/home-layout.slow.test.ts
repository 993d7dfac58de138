import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../src/client/index.ts';
import { useBrowserCluster } from './browser-cluster.ts';
import { NODE_IS_DOWN, openGroup, waitForMessage } from './chat-browser.ts';

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
        console.log(width, locale, JSON.stringify(shifts));
      });
    }
  }
});
