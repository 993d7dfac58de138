import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

const OFFLINE = /ERR_INTERNET_DISCONNECTED|status of (401|503)/;

describe('The chat page without a network, with messages that wait to be sent', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();
  let bruno: ChatClient;

  before('create users', async () => {
    bruno = new ChatClient({ urls: [use.first.url] });
    await bruno.login('bruno');
    await new ChatClient({ urls: [use.first.url] }).login('ana');
  });
  expectNoProblems(use, OFFLINE);

  const pending = (page: Page, text: string) => page.locator('.message.sending', { hasText: text });
  const inList = (page: Page, name: string) => page.locator('#groups').getByRole('link', { name });
  const contents = async (id: number) => (await bruno.messages(id)).messages.map(({ content }) => content);

  /** Creates a group with a question, and opens the page with its service worker. */
  async function visit(name: string): Promise<{ page: Page; id: number }> {
    const { group_id: id } = await bruno.createChat(name, ['ana']);
    await bruno.send(id, 'a question');
    const page = await use.browser.signIn(use.first.url, 'ana', { serviceWorkers: 'allow' });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.reload();
    await inList(page, name).waitFor();
    return { page, id };
  }

  it('shows them after a reload in the list and in the conversation, also a reply, and sends each once', async () => {
    const { page, id } = await visit('Offline replies');
    const { group_id: other } = await bruno.createChat('Never opened', ['ana']);
    await inList(page, 'Never opened').waitFor();
    await openGroup(page, 'Offline replies');
    await waitForMessage(page, 'a question');
    await page.context().setOffline(true);
    await page.locator('.message', { hasText: 'a question' }).hover();
    await page.getByRole('button', { name: 'Reply' }).click();
    await write(page, 'an answer');
    await pending(page, 'an answer').locator('.quote', { hasText: 'a question' }).waitFor();
    await openGroup(page, 'Never opened');
    await page.getByRole('status').getByText("Can't connect.").waitFor();
    expect(await page.locator('#older').textContent(), 'nothing of it was saved').to.equal('Loading messages…');
    await write(page, 'the first message here');
    await page.reload();
    await pending(page, 'the first message here').getByText('waiting for a connection').waitFor();
    for (const [name, text] of [
      ['Offline replies', 'You: an answer'],
      ['Never opened', 'You: the first message here'],
    ] as const) {
      await inList(page, name).getByText(text).waitFor();
      await inList(page, name).getByText('waiting', { exact: true }).waitFor();
    }
    await openGroup(page, 'Offline replies');
    await pending(page, 'an answer').locator('.quote', { hasText: 'bruno a question' }).waitFor();
    await page.locator('#older', { hasText: 'These messages were saved on this device.' }).waitFor();
    await expectAccessible(page, 'chat-offline-waiting');
    await page.context().setOffline(false);
    await waitForMessage(page, 'an answer');
    await page.locator('.message:not(.sending) .quote', { hasText: 'a question' }).waitFor();
    await inList(page, 'Never opened').getByText('waiting', { exact: true }).waitFor({ state: 'detached' });
    expect(await contents(id)).to.deep.equal(['a question', 'an answer']);
    await eventually('the other one is stored', async () => (await contents(other)).length > 0);
    expect(await contents(other)).to.deep.equal(['the first message here']);
  });

  it('shows them in a new tab after the only one was closed', async () => {
    const { page, id } = await visit('Closed tab');
    await openGroup(page, 'Closed tab');
    await waitForMessage(page, 'a question');
    await write(page, 'the one before');
    await waitForMessage(page, 'the one before');
    await page.context().setOffline(true);
    await write(page, 'before the end');
    await pending(page, 'before the end').waitFor();
    // The last message cannot be edited yet, and an earlier one is not meant.
    await page.keyboard.press('ArrowUp');
    expect(await page.locator('#composer .mode').count()).to.equal(0);
    const blank = await page.context().newPage();
    await page.close();
    await blank.goto(`${use.first.url}/home#group-${id}`);
    await pending(blank, 'before the end').getByText('waiting for a connection').waitFor();
    await blank.context().setOffline(false);
    await waitForMessage(blank, 'before the end');
    expect(await contents(id)).to.deep.equal(['a question', 'the one before', 'before the end']);
  });

  it('shows them at once after the session has expired and the user has signed in again', async () => {
    const { page, id } = await visit('Expired');
    await openGroup(page, 'Expired');
    await waitForMessage(page, 'a question');
    await page.context().setOffline(true);
    await write(page, 'in the old session');
    await pending(page, 'in the old session').waitFor();
    const expired = { status: 401, json: { error: 'no', code: 'unauthenticated' } };
    await page.route(/\/(chats|messages)(\?|$)/, (route) => route.fulfill(expired));
    await page.context().setOffline(false);
    await page.getByText('Your session has expired').waitFor();
    await page.unroute(/\/(chats|messages)(\?|$)/);
    await page.route(/\/chats(\?|$)/, () => {});
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).to.equal('ana');
    expect(await page.evaluate(() => document.activeElement?.id)).to.equal('password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await inList(page, 'Expired').getByText('in the old session').waitFor();
    await waitForMessage(page, 'in the old session');
    expect(await contents(id)).to.deep.equal(['a question', 'in the old session']);
    await page.unroute(/\/chats(\?|$)/);
    await page.reload();
    await waitForMessage(page, 'in the old session');
  });

  it('never says that the user is not in a group which it cannot look up', async () => {
    const { page } = await visit('Looked up');
    const { group_id: unknown } = await bruno.createChat('Made meanwhile');
    await page.context().setOffline(true);
    await page.goto(`${use.first.url}/home#group-${unknown}`);
    await page.reload();
    await inList(page, 'Looked up').waitFor();
    await page.locator('#nothing-open').getByText('Loading').waitFor();
    await page.context().setOffline(false);
    await page.getByText("You aren't a member of this group").waitFor();
  });
});
