import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { eventually } from '../../../support/eventually.ts';
import { openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { messageOn, useChat } from '../use-chat.ts';

describe('The keyboard focus on the chat page', function () {
  this.timeout(180_000);
  const { clientOf, ana } = useChat();

  /** Presses Enter on a button that disappears, and expects that the focus stays in the dialog. */
  async function pressAndStay(page: Page, button: string): Promise<void> {
    const pressed = page.getByRole('dialog').getByRole('button', { name: button }).first();
    await pressed.press('Enter');
    await pressed.waitFor({ state: 'detached' });
    await eventually(`the focus stays after ${button}`, () =>
      page.evaluate(() => document.activeElement?.closest('dialog') != null),
    );
  }

  /** Creates a group of ana, who owns it, bruno and clara. */
  async function createOwnGroup(name: string): Promise<void> {
    for (const other of ['bruno', 'clara']) await clientOf(other);
    await (await clientOf('ana')).createChat(name, ['bruno', 'clara']);
  }

  async function openOwnGroup(page: Page, name: string): Promise<void> {
    await createOwnGroup(name);
    await openGroup(page, name);
  }

  it('stays in a dialog when the control that has it disappears', async () => {
    const page = await ana();
    await openOwnGroup(page, 'Focus');
    await page.getByRole('button', { name: '3 members' }).press('Enter');
    await page.getByRole('combobox', { name: 'Role of bruno' }).waitFor();
    await pressAndStay(page, 'Remove bruno');
    const question = page.getByRole('dialog', { name: 'Remove bruno from Focus?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await pressAndStay(page, 'Remove bruno');
    await question.getByRole('button', { name: 'Remove' }).press('Enter');
    await page.getByRole('dialog', { name: 'Members of Focus' }).waitFor();
    const removed = page.getByRole('combobox', { name: 'Role of bruno' });
    await page.getByRole('combobox', { name: 'Role of clara' }).waitFor();
    expect(await removed.count()).to.equal(0);
    await page.keyboard.press('Escape');
    await page.locator('#members:focus').waitFor();
    await page.getByRole('button', { name: 'Group settings' }).press('Enter');
    await page.getByRole('button', { name: 'Create invitation link' }).press('Enter');
    await page.getByRole('dialog').getByText('1 open invitation').click();
    await pressAndStay(page, 'Withdraw');
  });

  it('is not on a button that removes a member when the list of members opens', async () => {
    const page = await ana();
    await openOwnGroup(page, 'Careful');
    await page.getByRole('button', { name: '3 members' }).press('Enter');
    await page.getByRole('dialog', { name: 'Members of Careful' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('combobox', { name: 'Role of bruno' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.className)).to.equal('members');
    const { chats } = await (await clientOf('ana')).chats();
    expect(chats.find(({ name }) => name === 'Careful')?.members_count).to.equal(3);
  });

  it('is set before a part of the page is shown: a dialog that is opened at once returns it to its button', async () => {
    const page = await ana();
    await createOwnGroup('Early');
    const seen = await page.evaluateHandle(() => {
      const seen: (string | undefined)[] = [];
      // Runs when a part of the page has been created, before the browser shows it.
      const observer = new MutationObserver(() => {
        const list = document.querySelector('dialog[open] .members');
        const button = document.getElementById('members');
        if (list === null && (button === null || seen.length > 0)) return;
        seen.push(document.activeElement?.id || document.activeElement?.className);
        button?.focus();
        button?.click();
        if (list !== null) observer.disconnect();
      });
      observer.observe(document.body, { childList: true, subtree: true });
      return seen;
    });
    await page.getByRole('link', { name: 'Early' }).click();
    await page.getByRole('combobox', { name: 'Role of bruno' }).waitFor();
    expect(await seen.jsonValue()).to.deep.equal(['draft', 'members']);
    await page.keyboard.press('Escape');
    await page.locator('#members:focus').waitFor({ timeout: 5000 });
  });

  it('is in the list of chats after sign-in, and returns to the message after a dialog that was opened with the mouse', async () => {
    const page = await ana();
    await page.locator('main:focus').waitFor();
    await openOwnGroup(page, 'Mouse');
    await write(page, 'click me');
    await waitForMessage(page, 'click me');
    for (const [tool, leave] of [
      ['React', '👍'] as const,
      ['React', 'Close'] as const,
      ['Delete your message', 'Cancel'] as const,
    ]) {
      await messageOn(page, 'click me').hover();
      await page.getByRole('button', { name: tool }).click();
      await page.getByRole('dialog').getByRole('button', { name: leave }).click();
      await page.locator('.message:focus', { hasText: 'click me' }).waitFor();
    }
  });

  it('is on no field when the account opens: a phone would open its keyboard', async () => {
    const page = await ana({ hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });
    await page.getByRole('button', { name: 'Account: ana' }).tap();
    await page.locator('dialog:focus').waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#account-name:focus').waitFor();
  });

  it('moves among the reactions with the arrow keys, Home and End, as in a grid, and with one Tab past them', async () => {
    const page = await ana();
    await openOwnGroup(page, 'Arrows');
    await write(page, 'react to me');
    await waitForMessage(page, 'react to me');
    await messageOn(page, 'react to me').focus();
    await page.keyboard.press('+');
    const all = page.locator('dialog .emoji button');
    const focused = async (index: number) =>
      expect(await all.nth(index).evaluate((one) => one === document.activeElement)).to.equal(true);
    await all.first().waitFor();
    const columns = await all.evaluateAll((buttons) => {
      const tops = (buttons as HTMLElement[]).map(({ offsetTop }) => offsetTop);
      return tops.filter((top) => top === tops[0]).length;
    });
    await focused(0);
    const last = (await all.count()) - 1;
    const moves = [
      ['ArrowLeft', 0],
      ['ArrowRight', 1],
      ['ArrowDown', columns + 1],
      ['ArrowUp', 1],
      ['End', last],
      ['Home', 0],
    ] as const;
    for (const [key, index] of moves) {
      await page.keyboard.press(key);
      await focused(index);
    }
    await page.keyboard.press('Tab');
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Shift+Tab');
    await focused(0);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.locator('.reaction', { hasText: '❤️' }).waitFor();
  });

  it('returns to the message that a dialog was about, or to the next one if that is deleted', async () => {
    const page = await ana();
    await openOwnGroup(page, 'Return');
    for (const text of ['first', 'second', 'third']) {
      await write(page, text);
      await waitForMessage(page, text);
    }
    const focused = (text: string) => page.locator('.message:focus', { hasText: text }).waitFor();
    await messageOn(page, 'second').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'React' }).waitFor();
    await page.keyboard.press('Escape');
    await focused('second');
    for (const [deleted, next] of [['second', 'third'] as const, ['third', 'first'] as const]) {
      await messageOn(page, deleted).focus();
      await page.keyboard.press('Delete');
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).press('Enter');
      await focused(next);
    }
  });
});
