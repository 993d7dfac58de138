import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type axe from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { useBrowserCluster } from '../../browser-cluster.ts';
import { untilActiveNodeIsShown } from '../../chat-browser.ts';

const GROUP = 'Accessible';
/** A group that the signed-in user owns, and one that takes no messages. */
const OWNED = 'Owned';
const ARCHIVED = 'Archived';

describe('The chat page has no violation that axe-core knows', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();
  let script: string;
  let sendUnread: () => Promise<unknown>;

  before('prepare the users', async () => {
    script = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const [ana, bruno] = [new ChatClient({ urls: [use.first.url] }), new ChatClient({ urls: [use.first.url] })];
    await ana.login('ana');
    await bruno.login('bruno');
    const { group_id: id } = await bruno.createChat(GROUP, ['ana']);
    const { message_id: first } = await ana.send(id, 'own with [link](https://example.com), `code` and @bruno');
    await bruno.react(first, '👍');
    await bruno.send(id, '> quote\n\n- list\n\n```\ncode\n```\n@ana', { replyTo: first });
    await ana.markRead(id, first);
    sendUnread = () => bruno.send(id, 'unread');
    const { group_id: owned } = await ana.createChat(OWNED, ['bruno']);
    await ana.groups.change(owned, { showsReads: true, description: 'a description' });
    const { message_id: read } = await ana.send(owned, 'read by bruno');
    await bruno.markRead(owned, read);
    const { group_id: archived } = await ana.createChat(ARCHIVED);
    await ana.groups.change(archived, { archived: true });
  });
  beforeEach('send a message that is unread', () => sendUnread());

  async function violations(page: Page): Promise<string[]> {
    const result = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
      return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    });
    return (result as axe.AxeResults).violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`in any state, in the ${colorScheme} theme`, async () => {
      const context = { colorScheme, bypassCSP: true, locale: colorScheme === 'dark' ? 'pt-BR' : 'en-GB' };
      const page = await use.browser.open(use.first.url, context);
      await page.addInitScript({ content: script });
      await page.reload();
      const found: string[] = [];
      const check = async (state: string) => {
        for (const violation of await violations(page)) found.push(`${state}: ${violation}`);
      };
      const close = () => page.keyboard.press('Escape');
      await untilActiveNodeIsShown(page);
      await check('sign-in');
      await page.locator('#username').fill('ana');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: GROUP }).waitFor();
      await check('groups');
      await page.getByRole('link', { name: GROUP }).click();
      await page.locator('.divider').waitFor();
      await page.locator('.message.own').hover();
      await check('messages');
      const dialogs = [
        '#members',
        '#conversation header > button:last-child',
        '#account-name',
        '#groups-pane .buttons button >> nth=0',
        '#groups-pane .buttons button >> nth=1',
      ];
      for (const opener of dialogs) {
        await page.locator(opener).click();
        await page.locator('dialog[open]').waitFor();
        await check(opener);
        await close();
      }
      await page.keyboard.press('Control+k');
      await page.locator('dialog [role=combobox]').fill('b');
      await page.locator('#hits [role=option]').first().waitFor();
      await check('find');
      await close();
      await page.keyboard.press('Control+/');
      await check('help');
      await close();
      await page.locator('#draft').fill('x'.repeat(5000));
      await check('too long');
      await page.locator('#draft').fill('@b');
      await page.locator('#mentions [role=option]').first().waitFor();
      await check('mentions');
      await page.locator('#draft').fill('');
      const tool = async (at: number) => {
        await page.locator('.message.own').first().hover();
        await page.locator('.message.own .tools button').nth(at).click();
      };
      for (const [at, dialog] of [[0, 'react'] as const, [4, 'delete'] as const]) {
        await tool(at);
        await page.locator('dialog[open]').waitFor();
        await check(dialog);
        await close();
      }
      for (const [at, mode] of [[1, 'reply'] as const, [2, 'edit'] as const]) {
        await tool(at);
        await page.locator('#composer .mode').waitFor();
        await check(mode);
        await page.locator('#composer .mode button').click();
      }
      await page.getByRole('link', { name: OWNED }).click();
      await page.locator('.read-by').waitFor();
      await check('read receipts');
      for (const opener of ['#members', '#conversation header > button:last-child']) {
        await page.locator(opener).click();
        await page.locator('dialog[open]').waitFor();
        if (opener !== '#members') {
          await page.locator('dialog .buttons button').first().click();
          await page.locator('dialog input[readonly]').waitFor();
        }
        await check(`as an owner: ${opener}`);
        await close();
      }
      await page.getByRole('link', { name: ARCHIVED }).click();
      await page.locator('.archived').waitFor();
      await check('archived');
      await page.evaluate(() => {
        location.hash = '#group-987654';
      });
      await page.locator('.unknown').waitFor();
      await check('unknown group');
      await page.getByRole('link', { name: OWNED }).click();
      await page.locator('.read-by').waitFor();
      await page.context().setOffline(true);
      await page.locator('#draft').fill('waits');
      await page.keyboard.press('Enter');
      await page.locator('#notice.warning').waitFor();
      await check('no network');
      // An open page would read the next message.
      await page.close();
      expect(found).to.deep.equal([]);
    });
  }
});
