import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { withSession } from '../../../support/postgres/with-session.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messageField, messagesOn, openGroup } from '../../chat-browser.ts';

/** Lines that the page may have: its window of 500 messages, and the page of 50 that it has just loaded. */
const MAX_LINES = 550;

describe('The chat page with many messages', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  expectNoProblems(use);

  /** Creates a group of ana and bruno. */
  async function newGroup(name: string) {
    const [ana, bruno] = [new ChatClient({ urls: [use.first.url] }), new ChatClient({ urls: [use.second.url] })];
    await ana.login('ana');
    const { user_id: brunoId } = await bruno.login('bruno');
    const { group_id: id } = await bruno.createChat(name, ['ana']);
    return { id, ana, bruno, brunoId };
  }

  /** Stores messages as a client would, but in one statement. Returns their ids. */
  async function insert(groupId: number, senderId: number, count: number, more = ''): Promise<number[]> {
    const text = `INSERT INTO plantao.messages (group_id, sender_id, content)
      SELECT $1, $2, 'line ' || n || $4 FROM generate_series(0, $3::int - 1) n ORDER BY n RETURNING id`;
    const values = [groupId, senderId, count, more];
    const { rows } = await withSession(use.database.url, (client) => client.query(text, values));
    return rows.map(({ id }) => Number(id));
  }

  const numbersOn = async (page: Page) => (await messagesOn(page)).map((text) => Number(text.replace('line ', '')));

  /** Expects that the page shows a part of the history without a gap, and no more of it than it may. */
  async function expectOnePart(page: Page): Promise<void> {
    const shown = await numbersOn(page);
    expect(shown).to.deep.equal(shown.map((_, index) => (shown[0] ?? Number.NaN) + index));
    expect(shown.length).to.be.at.most(MAX_LINES);
  }

  it('opens 5,000 messages at the first unread one, and keeps a bounded number of them however far the user scrolls', async () => {
    const { id, ana, brunoId } = await newGroup('Five thousand');
    const ids = await insert(id, brunoId, 5000);
    await ana.markRead(id, ids[2499] ?? 0);
    const page = await use.browser.signIn(use.first.url, 'ana');
    await page.getByRole('link', { name: 'Five thousand' }).getByText('1000+').waitFor();
    await openGroup(page, 'Five thousand');
    await page.locator('.divider + .message', { hasText: 'line 2500' }).waitFor();
    await expectOnePart(page);
    const scrollTo = (top: number) =>
      page.locator('#scroller').evaluate((scroller, to) => {
        scroller.scrollTop = to;
      }, top);
    for (let oldest = (await numbersOn(page))[0] ?? 0; oldest > 1700; ) {
      await scrollTo(0);
      const before = oldest;
      await eventually('older messages', async () => {
        oldest = (await numbersOn(page))[0] ?? 0;
        return oldest < before;
      });
    }
    await expectOnePart(page);
    const seen = (await numbersOn(page)).at(-1) ?? 0;
    expect(seen, 'the newest ones are dropped').to.be.below(2500);
    await scrollTo(1e9);
    await eventually('they are loaded again', async () => ((await numbersOn(page)).at(-1) ?? 0) > seen);
    await expectOnePart(page);
    await page.getByRole('button', { name: 'new messages' }).click();
    await page.locator('.message', { hasText: 'line 4999' }).waitFor();
    await expectOnePart(page);
    await page.getByRole('link', { name: 'Five thousand' }).locator('.unread').waitFor({ state: 'detached' });
  });

  /** Returns the position of a line from the top of the view, or undefined where it is outside. */
  const placeInView = (page: Page, line: string) =>
    page.locator(line).evaluate((element) => {
      const view = document.querySelector('#scroller')?.getBoundingClientRect() ?? new DOMRect();
      const { top, bottom } = element.getBoundingClientRect();
      return top >= view.top - 1 && bottom <= view.bottom + 1 ? Math.round(top - view.top) : undefined;
    });

  it('shows the message that the arrow keys move to, and goes on to older messages', async () => {
    const { id, ana, brunoId } = await newGroup('Keyboard');
    const ids = await insert(id, brunoId, 120);
    await ana.markRead(id, ids[119] ?? 0);
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'Keyboard');
    await page.locator('.message', { hasText: 'line 119' }).waitFor();
    await messageField(page).press('Shift+Tab');
    for (let count = 0; count < 30; count += 1) await page.keyboard.press('ArrowUp');
    await page.locator('.message:focus', { hasText: 'line 89' }).waitFor();
    await eventually('it is in view', async () => (await placeInView(page, '.message:focus')) !== undefined);
    for (const first of ['line 70', 'line 20', 'line 0']) {
      const content = page.locator('.content').getByText(first, { exact: true });
      await content.waitFor();
      await page.keyboard.press('Home');
      await page.locator('.message:focus').filter({ has: content }).waitFor();
    }
  });

  it('follows new messages again after it has jumped over more than it keeps', async () => {
    const { id, bruno, brunoId } = await newGroup('Jump');
    await insert(id, brunoId, 200);
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'Jump');
    await page.locator('.divider').waitFor();
    await insert(id, brunoId, 600);
    await page.locator('#jump', { hasText: /[78]\d\d new messages/ }).click();
    await page.locator('.message', { hasText: 'line 599' }).waitFor();
    await page.locator('#jump').waitFor({ state: 'detached' });
    for (let index = 0; index < 20; index += 1) await bruno.send(id, `later ${index}.`);
    await page.locator('.message', { hasText: 'later 19.' }).waitFor();
    await eventually('it is in view', async () => (await placeInView(page, '.message >> nth=-1')) !== undefined);
    expect(await page.locator('#jump').count()).to.equal(0);
  });

  it('keeps the reading position when a phone is turned', async () => {
    const { id, ana, brunoId } = await newGroup('Turned');
    const ids = await insert(
      id,
      brunoId,
      50,
      ' and so many words that they need several lines on a narrow screen, but not on a wide one',
    );
    await ana.markRead(id, ids[49] ?? 0);
    const page = await use.browser.signIn(use.first.url, 'ana', { viewport: { width: 360, height: 740 } });
    await openGroup(page, 'Turned');
    const line = `#message-${ids[20]}`;
    await page.locator(line).evaluate((element) => element.scrollIntoView({ block: 'start' }));
    await eventually('it is in view', async () => (await placeInView(page, line)) !== undefined);
    for (const viewport of [
      { width: 740, height: 360 },
      { width: 360, height: 740 },
    ]) {
      await page.setViewportSize(viewport);
      await eventually(`it stays at ${viewport.width}`, async () => ((await placeInView(page, line)) ?? 999) < 90);
    }
  });

  it('shows each message of a burst once and in order, and stays usable meanwhile', async () => {
    const { id, ana, bruno } = await newGroup('Burst');
    const page = await use.browser.signIn(use.first.url, 'ana');
    const other = await use.browser.signIn(use.second.url, 'bruno');
    for (const one of [page, other]) await openGroup(one, 'Burst');
    const field = messageField(page);
    // As fast as two users can: more than 50 a second on an idle machine.
    const lanes = [ana, bruno].map(async (client, lane) => {
      for (let index = 0; index < 80; index += 1) await client.send(id, `${lane}: ${index}.`);
    });
    await page.locator('.message', { hasText: '1: 5.' }).waitFor();
    await field.pressSequentially('written meanwhile');
    expect(await field.inputValue()).to.equal('written meanwhile');
    await Promise.all(lanes);
    const { messages } = await bruno.messages(id, { limit: 200 });
    const stored = messages.map(({ content }) => content);
    expect(stored).to.have.length(160);
    for (const one of [page, other]) {
      await eventually('all are shown', async () => (await messagesOn(one)).length >= 160);
      expect(await messagesOn(one)).to.deep.equal(stored);
    }
  });

  it('clears the unread count on every device of a user when one of them has read the messages', async () => {
    const { id, ana, bruno } = await newGroup('Devices');
    const [phone, laptop] = [
      await use.browser.signIn(use.first.url, 'ana'),
      await use.browser.signIn(use.second.url, 'ana'),
    ];
    for (const text of ['one', 'two', 'three']) await bruno.send(id, text);
    const badge = (page: Page) => page.getByRole('link', { name: 'Devices' }).getByRole('img', { name: '3 unread' });
    for (const page of [phone, laptop]) await badge(page).waitFor();
    await openGroup(phone, 'Devices');
    await badge(laptop).waitFor({ state: 'detached' });
    const { chats } = await ana.chats();
    expect(chats.find((chat) => chat.id === id)?.unread).to.equal(0);
  });
});
