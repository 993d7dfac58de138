import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { openGroup, untilActiveNodeIsShown, waitForMessage } from '../../chat-browser.ts';
import { useChat } from '../use-chat.ts';

describe('The chat page on a device that is not set up as usual', function () {
  this.timeout(180_000);
  const { use, clientOf, newGroup } = useChat();

  /** Opens a group in a browser that denies storage. */
  async function withoutStorage(group: string): Promise<Page> {
    const page = await use.browser.open(use.first.url);
    const denied = `{ get() { throw new DOMException('denied', 'SecurityError'); } }`;
    await page.addInitScript({
      content: `for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, ${denied});`,
    });
    await page.reload();
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await openGroup(page, group);
    return page;
  }

  it('mutes a group for as long as the page is open if the browser denies storage', async () => {
    const { name } = await newGroup();
    const page = await withoutStorage(name);
    await page.getByRole('button', { name: 'Group settings' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('button', { name: 'Save' }).count(), 'a member has nothing to save').to.equal(0);
    await dialog.getByRole('checkbox', { name: /^Mute/ }).check();
    const muted = page.locator('#groups a', { hasText: name }).getByRole('img', { name: 'Muted', includeHidden: true });
    await muted.waitFor();
    await dialog.getByRole('checkbox', { name: /^Mute/ }).uncheck();
    await muted.waitFor({ state: 'detached' });
    await dialog.getByRole('checkbox', { name: /^Mute/ }).check();
    await page.keyboard.press('Escape');
    await muted.waitFor();
  });

  it('keeps the notifications, the sound and the muted groups of each user apart', async () => {
    const { name } = await newGroup();
    const signIn = async (user: string) => {
      await page.getByRole('textbox', { name: 'Name' }).fill(user);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await openGroup(page, name);
    };
    const switches = async () => {
      await page.getByRole('button', { name: /^Account: / }).click();
      return page.getByRole('dialog').getByRole('checkbox', { name: 'Play a sound for new messages' });
    };
    const page = await use.browser.open(use.first.url);
    await untilActiveNodeIsShown(page);
    await signIn('ana');
    await (await switches()).check();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('checkbox', { name: /^Mute/ }).check();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn('bruno');
    expect(await (await switches()).isChecked()).to.equal(false);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('img', { name: 'Muted' }).count()).to.equal(0);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn('ana');
    expect(await (await switches()).isChecked()).to.equal(true);
  });

  for (const days of [-2, 2]) {
    it(`shows the right days and the right order of groups on a device whose clock is wrong by ${days} days`, async () => {
      const [busy, quiet] = [`Busy ${days}`, `Quiet ${days}`];
      const me = await clientOf('ana');
      const { group_id: id } = await me.createChat(busy);
      await me.send(id, 'the first message');
      await me.createChat(quiet);
      const page = await use.browser.open(use.first.url);
      await page.clock.setFixedTime(Date.now() + days * 86_400_000);
      await page.reload();
      await page.getByRole('textbox', { name: 'Name' }).fill('ana');
      await page.getByRole('button', { name: 'Sign in' }).click();
      const firstGroup = (name: string) => page.locator('#groups li:first-child .name', { hasText: name }).waitFor();
      await firstGroup(quiet);
      await me.send(id, 'one more message');
      await firstGroup(busy);
      await page.locator('#groups li:first-child time', { hasText: /^\d\d:\d\d$/ }).waitFor();
      await openGroup(page, busy);
      await page.locator('.day', { hasText: 'Today' }).waitFor();
      expect(await page.locator('.day').count()).to.equal(1);
    });
  }

  it('says where to allow notifications if the user or the browser denies them', async () => {
    const page = await use.browser.open(use.first.url);
    await page.addInitScript({
      content: `let permission = 'default';
        Object.defineProperty(Notification, 'permission', { get: () => permission });
        Notification.requestPermission = async () => (permission = 'denied');`,
    });
    await page.reload();
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Account: ana' }).click();
    const dialog = page.getByRole('dialog', { name: 'Account' });
    const wish = dialog.getByRole('checkbox', { name: 'Notify me of new messages' });
    await wish.click();
    await dialog.getByText('Your browser blocks notifications from this page.').waitFor();
    expect(await wish.isDisabled()).to.equal(true);
    expect(await wish.isChecked()).to.equal(false);
  });

  it('works if the browser denies storage', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'Olá, pessoal!');
    const page = await withoutStorage(name);
    await waitForMessage(page, 'Olá, pessoal!');
  });
});
