import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messagesOn, openGroup, untilActiveNodeIsShown, waitForMessage, write } from '../../chat-browser.ts';

const GROUP = 'Grupo Geral';

describe('Everyday use of the chat page', function () {
  this.timeout(180_000);
  const use = useBrowserCluster({ demoData: true });

  expectNoProblems(use);

  async function twoUsers(): Promise<[ana: Page, bruno: Page]> {
    const ana = await use.browser.signIn(use.first.url, 'ana_orm');
    const bruno = await use.browser.signIn(use.second.url, 'bruno_orm');
    for (const page of [ana, bruno]) await openGroup(page, GROUP);
    return [ana, bruno];
  }

  it('signs a user in by name, shows groups with their last message, and keeps the open group through a reload', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana_orm');
    await page.getByRole('link', { name: GROUP }).getByText('bruno_orm: Oi, Ana! Tudo bem?').waitFor();
    await openGroup(page, GROUP);
    await waitForMessage(page, 'Olá, pessoal!');
    expect(await page.getByText('Today').count()).to.equal(1);
    await page.reload();
    await waitForMessage(page, 'Olá, pessoal!');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('textbox', { name: 'Name' }).waitFor();
    expect(await messagesOn(page)).to.deep.equal([]);
  });

  it('delivers messages both ways between pages on different nodes', async () => {
    const [ana, bruno] = await twoUsers();
    await write(ana, 'from the active');
    await waitForMessage(bruno, 'from the active');
    await write(bruno, 'from the standby');
    await waitForMessage(ana, 'from the standby');
    expect(await messagesOn(ana)).to.deep.equal(await messagesOn(bruno));
  });

  it('shows messages and names as text, never as HTML', async () => {
    const [ana, bruno] = await twoUsers();
    const nasty = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>';
    await write(ana, nasty);
    await waitForMessage(bruno, nasty);
    for (const page of [ana, bruno]) {
      expect(await page.locator('#messages :is(img, script, b)').count()).to.equal(0);
      expect(await page.title()).to.contain('Plantão');
    }
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login('bruno_orm');
    await client.createChat('<i>nasty</i> & "group"', ['ana_orm']);
    await ana.getByRole('link', { name: '<i>nasty</i> & "group"' }).waitFor();
  });

  it('shows the unread count in the list and in the title until the group is opened', async () => {
    const ana = await use.browser.signIn(use.first.url, 'ana_orm');
    const bruno = await use.browser.signIn(use.second.url, 'bruno_orm');
    await openGroup(ana, GROUP);
    await write(ana, 'one');
    await write(ana, 'two');
    await bruno.getByRole('img', { name: '2 unread' }).waitFor();
    await eventually('the title shows the unread count', async () => (await bruno.title()) === '(2) Plantão');
    await openGroup(bruno, GROUP);
    await eventually('the title shows no count', async () => (await bruno.title()) === 'Plantão');
    expect(await bruno.getByRole('img', { name: /unread/ }).count()).to.equal(0);
  });

  it("deletes the user's own message for all members, after confirmation", async () => {
    const [ana, bruno] = await twoUsers();
    await write(ana, 'to be deleted');
    await waitForMessage(bruno, 'to be deleted');
    for (const page of [bruno, ana]) await page.locator('.message', { hasText: 'to be deleted' }).hover();
    expect(await bruno.getByRole('button', { name: /^Delete .*to be deleted/ }).count()).to.equal(0);
    await ana.getByRole('button', { name: /^Delete .*to be deleted/ }).click();
    await ana.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    for (const page of [ana, bruno])
      await page.locator('.message', { hasText: 'to be deleted' }).waitFor({ state: 'detached' });
  });

  it('creates a group that appears for its members at once', async () => {
    const ana = await use.browser.signIn(use.first.url, 'ana_orm');
    const bruno = await use.browser.signIn(use.second.url, 'bruno_orm');
    await ana.getByRole('button', { name: 'New group' }).click();
    await ana.getByRole('textbox', { name: 'Group name' }).fill('Equipe');
    await ana.getByRole('combobox', { name: 'Add members' }).fill('bruno');
    await ana.getByRole('option', { name: 'bruno_orm' }).click();
    await ana.getByRole('button', { name: 'Create' }).click();
    await ana.getByRole('button', { name: '2 members' }).waitFor();
    await write(ana, 'welcome');
    await openGroup(bruno, 'Equipe');
    await waitForMessage(bruno, 'welcome');
  });

  it('leaves a group, after confirmation', async () => {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login('bruno_orm');
    await client.createChat('Soon left', ['ana_orm']);
    const page = await use.browser.signIn(use.first.url, 'ana_orm');
    await openGroup(page, 'Soon left');
    await page.getByRole('button', { name: '2 members' }).click();
    await page.getByRole('button', { name: 'Leave group' }).click();
    await page.getByRole('dialog', { name: 'Leave Soon left?' }).getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('link', { name: 'Soon left' }).waitFor({ state: 'detached' });
    expect(await page.getByRole('dialog').count()).to.equal(0);
  });

  it('shows "no groups" only after the groups have loaded', async () => {
    const page = await use.browser.open(use.first.url);
    let answer = () => {};
    await page.route('**/chats?*', async (route) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      await route.continue();
    });
    const asked = page.waitForRequest('**/chats?*');
    await page.getByRole('textbox', { name: 'Name' }).fill('newcomer');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await asked;
    await page.getByText('Loading your groups…').waitFor();
    expect(await page.getByText("You aren't in any chat yet").count()).to.equal(0);
    answer();
    await page.getByText("You aren't in any chat yet").waitFor();
  });

  it('keeps a message that could not be sent, and stores it once when it is retried', async () => {
    const [ana, bruno] = await twoUsers();
    const refuse = { status: 400, json: { error: 'not this time', code: 'invalid_request' } };
    await ana.route('**/messages', (route) => route.fulfill(refuse));
    await write(ana, 'retried');
    await ana.getByRole('button', { name: 'Retry' }).waitFor();
    await ana.unroute('**/messages');
    await ana.getByRole('button', { name: 'Retry' }).click();
    await waitForMessage(bruno, 'retried');
    expect((await messagesOn(ana)).filter((text) => text === 'retried')).to.have.length(1);
    expect(use.browser.problems(/status of 400/)).to.deep.equal([]);
  });

  it('loads older messages on scrolling up, and preserves the scroll position', async () => {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login('ana_orm');
    const { group_id: id } = await client.createChat('History', []);
    for (let from = 0; from < 120; from += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, index) => client.send(id, `line ${from + index}`)));
    }
    const page = await use.browser.signIn(use.second.url, 'ana_orm');
    await openGroup(page, 'History');
    await eventually('the newest page', async () => (await messagesOn(page)).length === 50);
    const top = page.locator('.message').first();
    const text = await top.locator('.content').textContent();
    await page.locator('#scroller').evaluate((scroller) => {
      scroller.scrollTop = 0;
    });
    await eventually('an older page', async () => (await messagesOn(page)).length === 100);
    const same = page.locator('.message', { has: page.getByText(text ?? '', { exact: true }) });
    expect(await same.evaluate((line) => line.getBoundingClientRect().top)).to.be.within(0, 250);
    expect(new Set(await messagesOn(page)).size).to.equal(100);
  });

  it('works with the keyboard alone', async () => {
    const page = await use.browser.open(use.first.url);
    await untilActiveNodeIsShown(page);
    await page.keyboard.type('ana_orm');
    await page.keyboard.press('Enter');
    const group = page.getByRole('link', { name: GROUP });
    await group.waitFor();
    for (let presses = 0; presses < 10; presses += 1) {
      if (await group.evaluate((link) => link === document.activeElement)) break;
      // The list is one stop of the Tab key, at the chat that was active last.
      const isInList = await page.evaluate(() => document.activeElement?.closest('#groups') !== null);
      await page.keyboard.press(isInList ? 'ArrowDown' : 'Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: GROUP }).waitFor();
    await page.keyboard.type('typed only');
    await page.keyboard.press('Enter');
    await waitForMessage(page, 'typed only');
  });

  it('is served with a content security policy that allows no foreign sources', async () => {
    const response = await fetch(`${use.second.url}/home`);
    const policy = response.headers.get('Content-Security-Policy') ?? '';
    expect(policy).to.contain("default-src 'none'").and.contain("script-src 'self'");
    expect(policy).not.to.contain('unsafe');
    const html = await response.text();
    expect(html).not.to.match(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|(?:src|href)="(?:https?:)?\/\//);
  });
});
