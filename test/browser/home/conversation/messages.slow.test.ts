import { expect } from 'chai';
import { messageField, messagesOn, openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { messageOn, useChat } from '../use-chat.ts';

describe('The chat page with messages', function () {
  this.timeout(180_000);
  const { use, clientOf, ana, newGroup } = useChat();

  it('edits, replies, reacts and mentions users, and every member sees it', async () => {
    const { name } = await newGroup();
    const [one, other] = [await ana(), await use.browser.signIn(use.second.url, 'bruno')];
    for (const page of [one, other]) await openGroup(page, name);
    await write(one, 'first versoin');
    await waitForMessage(other, 'first versoin');
    await one.keyboard.press('ArrowUp');
    await one.getByText('Editing your message').waitFor();
    await write(one, 'first **version**');
    for (const page of [one, other]) await messageOn(page, 'first version').getByText('edited').waitFor();
    expect(await messageOn(other, 'first version').locator('strong').textContent()).to.equal('version');
    await messageOn(other, 'first version').hover();
    await other.getByRole('button', { name: 'Reply' }).click();
    await messageField(other).pressSequentially('yes @an');
    await other.getByRole('option', { name: 'ana' }).waitFor();
    await other.keyboard.press('Enter');
    await other.keyboard.press('Enter');
    await one.locator('.message.mentions-me', { hasText: 'yes @ana' }).locator('.quote').waitFor();
    // A name that is written in full needs no completion: Enter sends.
    await write(other, 'again @ana');
    await waitForMessage(one, 'again @ana');
    await messageOn(one, 'yes @ana').hover();
    await one.getByRole('button', { name: 'React' }).click();
    await one.getByRole('button', { name: '🎉' }).click();
    await other.getByRole('button', { name: '🎉, 1' }).click();
    await one.getByRole('button', { name: '🎉, 2' }).waitFor();
  });

  it('keeps an edit that cannot be saved, with the reason, and the reply that was begun before it', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'a question');
    const other = await newGroup();
    const page = await ana();
    const field = messageField(page);
    await openGroup(page, name);
    await write(page, 'my mesage');
    await waitForMessage(page, 'my mesage');
    await messageOn(page, 'a question').hover();
    await page.getByRole('button', { name: 'Reply' }).click();
    await field.fill('an answer');
    await messageOn(page, 'my mesage').hover();
    await page.getByRole('button', { name: 'Edit' }).click();
    await field.fill('my message');
    let isRefused = true;
    const refusal = { status: 403, json: { error: 'no', code: 'forbidden' } };
    await page.route('**/messages', (route) =>
      isRefused && route.request().method() === 'PATCH' ? route.fulfill(refusal) : route.continue(),
    );
    await field.press('Enter');
    await page.getByRole('alert').getByText("You aren't allowed to do this.").waitFor();
    expect(await field.inputValue()).to.equal('my message');
    await openGroup(page, other.name);
    expect(await field.inputValue()).to.equal('');
    await openGroup(page, name);
    await page.reload();
    await page.getByText('Editing your message').waitFor();
    expect(await field.inputValue()).to.equal('my message');
    isRefused = false;
    await field.press('Enter');
    await messageOn(page, 'my message').getByText('edited').waitFor();
    await page.getByText('Replying to bruno').waitFor();
    expect(await field.inputValue()).to.equal('an answer');
    await field.press('Enter');
    await messageOn(page, 'an answer').locator('.quote', { hasText: 'a question' }).waitFor();
    expect(use.browser.problems(/status of 403/)).to.deep.equal([]);
  });

  it('says that a text is too long, instead of cutting it', async () => {
    const { name } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    await messageField(page).fill('y'.repeat(4100));
    await page.getByText('Too long by 4 characters').waitFor();
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).to.equal(true);
    expect(await messagesOn(page)).to.deep.equal([]);
  });

  it('shows the buttons of the newest message at the first tap, and does nothing else', async () => {
    const { id, name } = await newGroup();
    const me = await clientOf('ana');
    for (let number = 1; number <= 12; number++) await me.send(id, `message ${number}`);
    const page = await ana({
      viewport: { width: 360, height: 640 },
      hasTouch: true,
      isMobile: true,
    });
    await openGroup(page, name);
    const line = page.locator('.message').last();
    await line.getByText('message 12').waitFor();
    for (const at of [0.15, 0.5, 0.85]) {
      const box = await line.boundingBox();
      if (!box) throw new Error('the message is not visible');
      await page.touchscreen.tap(box.x + box.width * at, box.y + box.height / 2);
      await line.locator('.tools').waitFor();
      expect(await page.locator('dialog[open]').count(), 'no dialog').to.equal(0);
      expect(await page.locator('[role="status"]').allInnerTexts(), 'no notice of a copied link').to.not.include(
        'Link copied',
      );
      expect(await page.locator('.mode, #mode').count(), 'no reply or edit').to.equal(0);
      await page.locator('#draft').evaluate((field) => field.focus());
      await line.locator('.tools').waitFor({ state: 'detached' });
    }
  });
});
