import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { expectAccessible, overflow } from '../../page-checks.ts';

const SMALL = { viewport: { width: 320, height: 568 }, hasTouch: true };

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
  expectNoProblems(use);

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

  it('has a single row at the top on a phone, with everything in it', async () => {
    for (const width of [320, 360]) {
      const page = await use.browser.signIn(use.first.url, 'ana', {
        ...{ viewport: { width, height: 640 }, hasTouch: true, isMobile: true },
      });
      const bar = page.getByRole('banner');
      expect((await bar.boundingBox())?.height, `at ${width} pixels`).to.be.lessThan(60);
      await bar.getByText(`${use.first.name}: active`).waitFor({ state: 'attached' });
      await bar.getByRole('button', { name: 'Account: ana' }).waitFor();
      await expectAccessible(page, `chat-phone-${width}`);
      await openGroup(page, 'One');
      await expectAccessible(page, `chat-phone-${width}-open`);
    }
  });

  for (const [locale, roleOf] of [['en-GB', 'Role of'] as const, ['pt-BR', 'Função de'] as const]) {
    it(`has room for roles and buttons of members with long names on the smallest phone, in ${locale}`, async () => {
      const ana = new ChatClient({ urls: [use.first.url] });
      await ana.login('ana');
      const { group_id: id } = await ana.createChat(`Small ${locale}`, ['bruno']);
      for (const name of ['Zoë Müller-Lüdenscheidt', 'w'.repeat(60)]) {
        const { user_id: userId } = await new ChatClient({ urls: [use.first.url] }).login(name);
        await ana.join(id, { userId });
      }
      const page = await use.browser.signIn(use.first.url, 'ana', SMALL);
      await openGroup(page, `Small ${locale}`);
      if (locale === 'pt-BR') {
        await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
        await page.reload();
      }
      await page.locator('#members').click();
      await page.getByRole('combobox', { name: `${roleOf} bruno` }).waitFor();
      const rows = await page.locator('dialog .members').evaluate((list) => {
        const { left, right } = list.getBoundingClientRect();
        const boxes = [...list.children].map((row) => {
          const parts = [...row.children].map((part) => part.getBoundingClientRect());
          return { top: row.getBoundingClientRect().top, parts };
        });
        return boxes.map(({ top, parts }, index) => ({
          isInside: parts.every((part) => part.left >= left - 1 && part.right <= right + 1),
          isAbove: parts.every((part) => part.top >= top - 1 && part.bottom <= (boxes[index + 1]?.top ?? Infinity) + 1),
        }));
      });
      expect(rows).to.deep.equal(rows.map(() => ({ isInside: true, isAbove: true })));
      const names = await page.locator('dialog .members .name').allInnerTexts();
      expect(
        names.map((name) => name.slice(0, 3)),
        'by name',
      ).to.deep.equal(['ana', 'bru', 'www', 'Zoë']);
    });
  }

  it('shows the beginning of a name and a message in the list that are cut, also if they are written from right to left', async () => {
    const carla = new ChatClient({ urls: [use.first.url] });
    await carla.login('carla');
    for (const word of ['palavra ', 'מילה ', 'كلمة ']) {
      const { group_id: id } = await carla.createChat(word.repeat(14));
      await carla.send(id, word.repeat(30));
    }
    const page = await use.browser.signIn(use.first.url, 'carla');
    await page.locator('#groups .preview').nth(2).waitFor();
    const isBeginningSeen = await page.locator('#groups .name, #groups .preview').evaluateAll((parts) =>
      parts.map((part) => {
        const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
        const range = document.createRange();
        let last: Node | null = null;
        while (texts.nextNode()) last = texts.currentNode;
        if (last === null) return false;
        range.setStart(last, 0);
        range.setEnd(last, 1);
        const [letter, box] = [range.getBoundingClientRect(), part.getBoundingClientRect()];
        return letter.left >= box.left - 1 && letter.right <= box.right + 1;
      }),
    );
    expect(isBeginningSeen).to.deep.equal([true, true, true, true, true, true]);
  });

  it('opens the list of shortcuts at its beginning, and does not cut it', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana', SMALL);
    await page.keyboard.press('Control+/');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    const dialog = await page.locator('dialog').evaluate((one) => ({
      scrolled: one.scrollTop,
      excess: Math.max(...[one, ...one.querySelectorAll('*')].map((part) => part.scrollWidth - part.clientWidth)),
    }));
    expect(dialog).to.deep.equal({ scrolled: 0, excess: 0 });
  });

  it('has its bar in one row on a tablet, in Portuguese', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana', { viewport: { width: 820, height: 1180 } });
    await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
    await page.reload();
    const tops = () => page.locator('#top > *').evaluateAll((parts) => parts.map((one) => one.getBoundingClientRect()));
    await page.getByRole('button', { name: 'Sair' }).waitFor();
    const [brand, ...others] = await tops();
    for (const { top } of others) expect(top).to.be.lessThan(brand?.bottom ?? 0);
    expect(await overflow(page)).to.equal(0);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`fits a screen 360 pixels wide in the ${colorScheme} theme`, async () => {
      const options = { viewport: { width: 360, height: 640 }, colorScheme };
      const signedOut = await use.browser.open(use.first.url, options);
      await signedOut.getByRole('button', { name: 'Sign in' }).waitFor();
      expect(await overflow(signedOut)).to.equal(0);
      const page = await use.browser.signIn(use.first.url, 'ana', options);
      await page.getByRole('link', { name: 'One' }).waitFor();
      expect(await overflow(page)).to.equal(0);
      await openGroup(page, 'One');
      await write(page, 'w'.repeat(200));
      await waitForMessage(page, 'w'.repeat(200));
      expect(await overflow(page)).to.equal(0);
      await page.getByRole('button', { name: 'Chats' }).click();
      await page.getByRole('button', { name: 'New group' }).click();
      expect(await overflow(page)).to.equal(0);
    });
  }
});
