import { expect } from 'chai';
import { useBrowserCluster } from './browser-cluster.ts';

const OFFLINE = /ERR_INTERNET_DISCONNECTED|ERR_FAILED/;
const DIALOGS = '**/assets/home-dialogs.*';

describe('The dialogs of the chat page, which it loads after it has started', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  afterEach('no page has reported a problem', async () => {
    await use.browser?.closePages();
    expect(use.browser?.problems(OFFLINE) ?? []).to.deep.equal([]);
  });

  it('open without a network, also if none was opened before', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana', { serviceWorkers: 'allow' });
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.context().setOffline(true);
    await page.reload();
    await page.getByRole('button', { name: 'Account: ana' }).click();
    await page.getByRole('dialog', { name: 'Account' }).getByRole('button', { name: 'Rename' }).waitFor();
  });

  it('say that they cannot be loaded, can be closed meanwhile, and open at the next attempt', async () => {
    const page = await use.browser.open(use.first.url);
    let answer: 'abort' | 'wait' | 'continue' = 'abort';
    await page.route(DIALOGS, async (route) => {
      if (answer === 'abort') return route.abort();
      if (answer === 'continue') await route.continue();
    });
    await page.reload();
    await page.locator('#nodes .active').first().waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.keyboard.press('Enter');
    const open = () => page.getByRole('button', { name: 'New group' }).click();
    await open();
    await page.getByRole('dialog').getByRole('alert').getByText("That didn't work. Try again.").waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    answer = 'wait';
    await open();
    await page.getByRole('dialog', { name: 'Loading…' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    answer = 'continue';
    await page.reload();
    await open();
    await page.getByRole('textbox', { name: 'Group name' }).waitFor();
  });

  it('of another version do not end the page: it asks for a reload', async () => {
    const page = await use.browser.open(use.first.url);
    const broken = 'export function DialogView() { throw new Error("another version"); }';
    await page.route(`${DIALOGS}.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: broken }));
    await page.reload();
    await page.locator('#nodes .active').first().waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('status').getByText('Reload the page').waitFor();
    expect(await page.getByRole('dialog').count()).to.equal(0);
    expect(await page.getByRole('navigation', { name: 'Groups' }).count()).to.equal(1);
  });
});
