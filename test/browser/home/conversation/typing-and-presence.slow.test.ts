import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messageField, openGroup, waitForMessage, write } from '../../chat-browser.ts';

/** Starts two nodes and a browser for the tests of a `describe`. No page may report a problem. */
function usePages(env: Record<string, string> = {}) {
  const used = useBrowserCluster({ env });
  expectNoProblems(used);
  const clientOf = async (username: string) => {
    const client = new ChatClient({ urls: [used.first.url] });
    const { user_id } = await client.login(username);
    return { client, id: user_id };
  };
  return Object.assign(used, { clientOf });
}

const typing = (page: Page) => page.locator('#typing > span').first();

/** Changes the text on these pages until `isSeen`: a signal may get lost, and the next one follows after three seconds. */
async function whileTyping(typists: Page[], what: string, isSeen: () => Promise<boolean>): Promise<void> {
  let letters = 0;
  const check = async () => {
    letters += 1;
    for (const page of typists) await messageField(page).fill('x'.repeat(letters));
    return isSeen();
  };
  await eventually(what, check, { within: 40_000, every: 300 });
}

describe('Typing and presence on the chat page', function () {
  this.timeout(180_000);
  const pages = usePages();

  it('shows that a user is typing in every tab of the others, on both nodes, until the message arrives', async () => {
    const { first, second, browser, clientOf } = pages;
    await clientOf('ana');
    await clientOf('clara');
    const bruno = await clientOf('bruno');
    await bruno.client.createChat('Typing', ['ana', 'clara']);
    const ana = await browser.signIn(first.url, 'ana');
    const other = await browser.openBeside(ana, first.url);
    const brunos = await browser.signIn(second.url, 'bruno');
    const claras = await browser.signIn(first.url, 'clara');
    for (const page of [ana, other, brunos, claras]) await openGroup(page, 'Typing');
    await whileTyping([brunos], 'every other tab sees bruno', async () => {
      const shown = await Promise.all([ana, other, claras].map((page) => typing(page).textContent()));
      return shown.every((text) => text === '\u2068bruno\u2069 is typing…');
    });
    await ana.getByRole('status').filter({ hasText: 'bruno' }).waitFor();
    expect(await typing(brunos).textContent()).to.equal('');
    await whileTyping([brunos, claras], 'ana sees both', async () =>
      /bruno.+ and |clara.+ and /.test((await typing(ana).textContent()) ?? ''),
    );
    await write(brunos, 'hello');
    await waitForMessage(ana, 'hello');
    for (const page of [ana, claras]) await typing(page).filter({ hasNotText: 'bruno' }).waitFor({ state: 'attached' });
  });

  it('reports typing once for many keystrokes in each message, and not for an empty field or an edit', async () => {
    const { first, browser, clientOf } = pages;
    await clientOf('bruno');
    const ana = await clientOf('ana');
    await ana.client.createChat('Reports', ['bruno']);
    const page = await browser.signIn(first.url, 'ana');
    await openGroup(page, 'Reports');
    const reports: string[] = [];
    page.on('request', (request) => request.url().endsWith('/typing') && reports.push(request.postData() ?? ''));
    await messageField(page).fill('   ');
    await messageField(page).fill('');
    expect(reports).to.have.length(0);
    await messageField(page).pressSequentially('twenty letters or so');
    expect(reports).to.have.length(1);
    await write(page, 'sent');
    await waitForMessage(page, 'sent');
    await page.keyboard.press('ArrowUp');
    await page.getByText('Editing your message').waitFor();
    await messageField(page).pressSequentially(', edited');
    expect(reports).to.have.length(1);
    await page.keyboard.press('Escape');
    await messageField(page).pressSequentially('the next message');
    expect(reports, 'the others have seen the typing end').to.have.length(2);
  });

  it('shows connected users in the list of groups, in a direct chat, and among the members', async () => {
    const { first, second, browser, clientOf } = pages;
    const [ana, dora] = [await clientOf('ana'), await clientOf('dora')];
    await ana.client.createChat('Present', ['dora']);
    await ana.client.openDirect(dora.id);
    const page = await browser.signIn(first.url, 'ana');
    const direct = page.getByRole('link', { name: 'dora' });
    await direct.click();
    await page.getByRole('heading', { name: 'dora' }).waitFor();
    expect(await page.locator('.online, .presence').count()).to.equal(0);
    await browser.signIn(second.url, 'dora');
    await direct.getByRole('img', { name: 'online' }).waitFor();
    await page.locator('.presence').getByText('online').waitFor();
    await openGroup(page, 'Present');
    await page.getByRole('button', { name: '2 members' }).click();
    await page.getByRole('dialog').getByRole('img', { name: 'online' }).waitFor();
    await page.keyboard.press('Escape');
    // The list of a later visit has it at once.
    await page.reload();
    await direct.getByRole('img', { name: 'online' }).waitFor();
    // Without a connection the page knows nothing about others.
    await page.context().setOffline(true);
    await page.getByRole('status').filter({ hasText: "Can't connect" }).waitFor();
    await eventually('no dot is left', async () => (await page.locator('.online, .presence').count()) === 0);
    await page.context().setOffline(false);
    await direct.getByRole('img', { name: 'online' }).waitFor();
    expect(browser.problems(/ERR_INTERNET_DISCONNECTED/)).to.deep.equal([]);
  });
});

describe('The chat page with PRESENCE=off', function () {
  this.timeout(180_000);
  const pages = usePages({ PRESENCE: 'off' });

  it('shows no user as connected, and sends no typing reports', async () => {
    const { first, second, browser, clientOf } = pages;
    const [ana, bruno] = [await clientOf('ana'), await clientOf('bruno')];
    await ana.client.openDirect(bruno.id);
    const page = await browser.signIn(first.url, 'ana');
    const requests: string[] = [];
    page.on('request', (request) => requests.push(new URL(request.url()).pathname));
    const brunos = await browser.signIn(second.url, 'bruno');
    for (const [one, name] of [[page, 'bruno'] as const, [brunos, 'ana'] as const]) await openGroup(one, name);
    await write(page, 'seen by both');
    await waitForMessage(brunos, 'seen by both');
    await messageField(page).pressSequentially('more');
    expect(requests).to.not.include.members(['/typing']);
    expect(requests).to.not.include.members(['/presence']);
    expect(await page.locator('.online, .presence').count()).to.equal(0);
  });
});
