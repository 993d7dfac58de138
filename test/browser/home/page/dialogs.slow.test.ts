import { expect } from 'chai';
import type { Page, Route } from 'playwright-core';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { untilActiveNodeIsShown } from '../../chat-browser.ts';

const OFFLINE = /ERR_INTERNET_DISCONNECTED|ERR_FAILED|home-dialogs.*404|404.*home-dialogs/;
const DIALOGS = '**/assets/home-dialogs.*';

describe('The dialogs of the chat page, which it loads after it has started', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  expectNoProblems(use, OFFLINE);

  it('open without a network, even if none was opened before', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana', { serviceWorkers: 'allow' });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.context().setOffline(true);
    await page.reload();
    await page.getByRole('button', { name: 'Account: ana' }).click();
    await page.getByRole('dialog', { name: 'Account' }).getByRole('button', { name: 'Rename' }).waitFor();
  });

  const styles = (page: Page) => page.locator('link[href*="home-dialogs"]').count();
  const untilShown = (page: Page, text: string) =>
    page.getByRole('dialog').getByRole('alert').getByText(text).waitFor();
  const open = (page: Page) => page.getByRole('button', { name: 'New group' }).click();
  const close = (page: Page) => page.getByRole('button', { name: 'Close' }).click();

  /** Signs in on a page whose requests for the dialogs `respond` handles. */
  async function signInWith(respond: (route: Route) => unknown): Promise<Page> {
    const page = await use.browser.open(use.first.url);
    await page.clock.install();
    await page.route(DIALOGS, respond);
    await page.reload({ waitUntil: 'domcontentloaded' });
    await untilActiveNodeIsShown(page);
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    return page;
  }

  it('ask for a reload if no node has them, after an update, and open as soon as one has', async () => {
    let isMissing = true;
    const page = await signInWith((route) =>
      isMissing && route.request().url().endsWith('.js') ? route.fulfill({ status: 404 }) : route.continue(),
    );
    for (const attempt of [1, 2]) {
      await open(page);
      await untilShown(page, 'Something went wrong. Reload the page.');
      expect(await styles(page), `after attempt ${attempt}`).to.equal(0);
      await close(page);
    }
    isMissing = false;
    await open(page);
    await page.getByRole('textbox', { name: 'Group name' }).waitFor();
    expect(await styles(page)).to.equal(1);
  });

  it('say without a network that they cannot be loaded', async () => {
    const page = await signInWith((route) => route.abort());
    await page.context().setOffline(true);
    await open(page);
    await untilShown(page, "That didn't work. Try again.");
  });

  it('can be closed while they are loaded, and are requested again after a request that never gets a response', async () => {
    const files: string[] = [];
    let hangs = true;
    const page = await signInWith((route) => {
      files.push(route.request().url());
      if (!hangs) return route.continue();
    });
    await open(page);
    await page.getByRole('dialog', { name: 'Loading…' }).waitFor();
    const requested = [...files];
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await open(page);
    await page.getByRole('dialog', { name: 'Loading…' }).waitFor();
    expect(files).to.have.length(2).and.deep.equal(requested);
    await page.clock.fastForward(20_000);
    await untilShown(page, 'Reload the page.');
    hangs = false;
    await close(page);
    await open(page);
    await page.getByRole('textbox', { name: 'Group name' }).waitFor();
  });

  it('of another version do not break the page: it asks for a reload', async () => {
    const page = await use.browser.open(use.first.url);
    const broken = 'export function DialogView() { throw new Error("another version"); }';
    await page.route(`${DIALOGS}.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: broken }));
    await page.reload();
    await untilActiveNodeIsShown(page);
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('status').getByText('Reload the page').waitFor();
    expect(await page.getByRole('dialog').count()).to.equal(0);
    expect(await page.getByRole('navigation', { name: 'Chats' }).count()).to.equal(1);
  });

  it('close on a click beside them, but not when a selection of text ends there', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana');
    await page.getByRole('button', { name: 'Join a group' }).click();
    const field = page.getByRole('textbox', { name: 'Group name' });
    await field.fill('typed');
    await field.hover();
    await page.mouse.down();
    await page.mouse.move(3, 300);
    await page.mouse.up();
    expect(await field.inputValue()).to.equal('typed');
    await page.mouse.click(3, 300);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  /** Submits a dialog without a network, cancels it while it waits, and reconnects. */
  async function cancelOffline(page: Page, submit: string): Promise<void> {
    await page.context().setOffline(true);
    await page.getByRole('status').getByText("Can't connect.").waitFor();
    await page.getByRole('dialog').getByRole('button', { name: submit }).click();
    await page.locator('dialog [aria-busy="true"]').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.context().setOffline(false);
    await untilActiveNodeIsShown(page);
  }

  it('withdraw a request that waits for a connection when they are cancelled: nothing is sent once the connection returns', async () => {
    const page = await use.browser.signIn(use.first.url, 'undecided');
    const requests: string[] = [];
    page.on('response', (response) => requests.push(new URL(response.url()).pathname));
    await page.getByRole('button', { name: 'New group' }).first().click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('Not wanted');
    await cancelOffline(page, 'Create');
    await page.getByRole('button', { name: 'Account: undecided' }).click();
    await page.getByRole('button', { name: 'Delete account' }).click();
    await cancelOffline(page, 'Delete account');
    // A group that is created now shows that requests pass again. It waits as long as the others would have.
    await page.getByRole('button', { name: 'New group' }).first().click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('Wanted');
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Wanted' }).waitFor();
    expect(requests.filter((path) => ['/create-chat', '/delete-account'].includes(path))).to.deep.equal([
      '/create-chat',
    ]);
    expect(await page.getByRole('link', { name: 'Not wanted' }).count()).to.equal(0);
  });
});
