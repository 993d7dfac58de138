import { expect } from 'chai';
import type { Page } from 'playwright-core';
import type { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';
import { messageOn, useChat } from '../use-chat.ts';

describe('Unread messages and read receipts on the chat page', function () {
  this.timeout(180_000);
  const { use, clientOf, ana, newGroup } = useChat();

  async function unreadIn(client: ChatClient, group: number): Promise<number | undefined> {
    return (await client.chats()).chats.find(({ id }) => id === group)?.unread;
  }

  it('opens a group at the first of many unread messages, counts them in the list, and jumps to the latest', async () => {
    const { name, id, bruno } = await newGroup();
    const me = await clientOf('ana');
    const { message_id } = await bruno.send(id, 'seen');
    await me.markRead(id, message_id);
    for (let index = 0; index < 120; index += 1) await bruno.send(id, `unseen ${index}.`);
    const page = await ana();
    await page.getByRole('link', { name }).getByRole('img', { name: '120 unread' }).waitFor();
    await openGroup(page, name);
    await page.locator('.divider').waitFor();
    await messageOn(page, 'unseen 0.').waitFor();
    expect(await messageOn(page, 'unseen 119.').count()).to.equal(0);
    expect(await messageOn(page, 'unseen 0.').evaluate((line) => line.getBoundingClientRect().top)).to.be.within(
      0,
      600,
    );
    await page.locator('#jump').click();
    await messageOn(page, 'unseen 119.').waitFor();
    await page.getByRole('link', { name }).getByRole('img', { name: 'unread' }).waitFor({ state: 'detached' });
    await eventually('the cluster knows', async () => (await unreadIn(me, id)) === 0);
  });

  it('keeps unread messages unread when a link opens an earlier one, and separates them from those that were read', async () => {
    const { id, bruno } = await newGroup();
    const me = await clientOf('ana');
    const { message_id: linked } = await bruno.send(id, 'linked');
    for (let index = 0; index < 30; index += 1) await bruno.send(id, `seen ${index}.`);
    const { message_id: seen } = await bruno.send(id, 'the last one that was seen');
    await me.markRead(id, seen);
    for (let index = 0; index < 45; index += 1) await bruno.send(id, `unseen ${index}.`);
    const page = await ana();
    await page.goto(`${use.first.url}/home#group-${id}-message-${linked}`);
    await page.reload();
    await page.locator('.message.target', { hasText: 'linked' }).waitFor();
    await page.locator('#jump', { hasText: '45 new messages' }).waitFor();
    expect(await unreadIn(me, id)).to.equal(45);
    await page.locator('#jump').click();
    await messageOn(page, 'unseen 44.').waitFor();
    await page.locator('#scroller').evaluate((scroller) => {
      scroller.scrollTop = 0;
    });
    await page.locator('.divider + .message', { hasText: 'unseen 0.' }).waitFor();
    await page.evaluate((hash) => location.assign(hash), `#group-${id}-message-${seen}`);
    await page.locator('.message.target', { hasText: 'the last one that was seen' }).waitFor();
    await page.locator('.message.target + .divider').waitFor();
    await eventually('they are read', async () => (await unreadIn(me, id)) === 0);
  });

  it('reports what was read even if the page is closed right after', async () => {
    const { name, id, bruno } = await newGroup();
    const me = await clientOf('ana');
    const page = await ana();
    await page.getByRole('link', { name }).waitFor();
    await bruno.send(id, 'read in passing');
    await page.getByRole('link', { name }).getByRole('img', { name: '1 unread' }).waitFor();
    // The page leaves as soon as the message counts as read: before the pause after which it reports that.
    await page.evaluate((group) => {
      const link = [...document.querySelectorAll<HTMLElement>('nav a')].find((one) => one.textContent?.includes(group));
      new MutationObserver(() => {
        if (!link?.querySelector('[role="img"]')) location.href = 'about:blank';
      }).observe(document.body, { subtree: true, childList: true });
      link?.click();
    }, name);
    await page.waitForURL('about:blank');
    await eventually('the cluster knows', async () => (await unreadIn(me, id)) === 0);
  });

  it('shows who has read the messages, where an owner has switched read receipts on', async () => {
    const { name, id, bruno } = await newGroup();
    await clientOf('clara').then((clara) => bruno.join(id, { userId: clara.userId ?? 0 }));
    const owner = await use.browser.signIn(use.first.url, 'bruno');
    const member = await use.browser.signIn(use.second.url, 'ana');
    for (const page of [owner, member]) await openGroup(page, name);
    await write(owner, 'who reads this?');
    await waitForMessage(member, 'who reads this?');
    const readBy = (page: Page, text: string) =>
      page
        .locator('.message', { hasText: 'who reads this?' })
        .locator('xpath=following-sibling::li[1]')
        .getByText(text);
    expect(await owner.locator('.read-by').count(), 'off by default').to.equal(0);
    await owner.getByRole('button', { name: 'Group settings' }).click();
    await owner.getByLabel('Read receipts').check();
    await expectAccessible(owner, 'chat-read-receipts-settings');
    await owner.getByRole('button', { name: 'Save' }).click();
    await readBy(owner, 'Read by').filter({ hasText: 'ana' }).waitFor();
    await member.getByRole('button', { name: 'Group settings' }).click();
    await member.getByText('Read receipts are on').waitFor();
    await member.keyboard.press('Escape');
    const clara = await use.browser.signIn(use.second.url, 'clara');
    await openGroup(clara, name);
    await readBy(owner, 'Read by everyone').waitFor();
    await member.locator('.read-by').filter({ hasText: 'clara' }).waitFor();
    await expectAccessible(owner, 'chat-read-receipts');
    await owner.getByRole('button', { name: 'Group settings' }).click();
    await owner.getByLabel('Read receipts').uncheck();
    await owner.getByRole('button', { name: 'Save' }).click();
    for (const page of [owner, member]) await page.locator('.read-by').waitFor({ state: 'detached' });
  });
});
