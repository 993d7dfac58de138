import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../src/client/index.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { startCluster, type TestCluster } from '../../support/nodes/node-process.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { type ChatBrowser, hasChromium, openGroup, startChatBrowser } from '../chat-browser.ts';
import { overflow } from '../page-checks.ts';

const GROUP = 'Grupo Geral';
const SMALL = { viewport: { width: 320, height: 568 }, hasTouch: true };

describe('The chat page, at the edges of what people do', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let cluster: TestCluster;
  let browser: ChatBrowser;
  let url: string;
  let ana: ChatClient;

  before('start two nodes and a browser', async function () {
    if (!hasChromium()) return this.skip();
    database = await createDatabase();
    await seedData(database.url);
    cluster = await startCluster({ databaseUrl: database.url });
    url = cluster.nodes[0]?.url ?? '';
    ana = new ChatClient({ urls: [url] });
    await ana.login('ana_orm');
    browser = await startChatBrowser();
  });
  afterEach('no page has reported a problem', async () => {
    await browser?.closePages();
    expect(browser?.problems() ?? []).to.deep.equal([]);
  });
  after('stop the browser and the nodes', async () => {
    await browser?.close();
    await cluster?.stop();
    await database?.drop();
  });

  /** Returns how far the content of the open dialog is scrolled, and by how much it is wider than the dialog. */
  const dialogOf = (page: Page) =>
    page.locator('dialog').evaluate((dialog) => ({
      scrolled: dialog.scrollTop,
      excess: Math.max(...[dialog, ...dialog.querySelectorAll('*')].map((one) => one.scrollWidth - one.clientWidth)),
    }));

  it('has room for roles and buttons of members with long names on the smallest phone', async () => {
    const { group_id: id } = await ana.createChat('Small', ['bruno_orm']);
    for (const name of ['Zoë Müller-Lüdenscheidt', 'w'.repeat(60)]) {
      const { user_id: userId } = await new ChatClient({ urls: [url] }).login(name);
      await ana.join(id, { userId });
    }
    const page = await browser.signIn(url, 'ana_orm', SMALL);
    await openGroup(page, 'Small');
    await page.getByRole('button', { name: '4 members' }).click();
    await page.getByRole('combobox', { name: 'Role of bruno_orm' }).waitFor();
    const rows = await page.locator('dialog .members').evaluate((list) => {
      const { left, right } = list.getBoundingClientRect();
      const boxes = [...list.children].map((row) => {
        const parts = [...row.children].map((part) => part.getBoundingClientRect());
        return { top: row.getBoundingClientRect().top, parts };
      });
      return boxes.map(({ top, parts }, index) => ({
        isInside: parts.every((part) => part.left >= left - 1 && part.right <= right + 1),
        isAbove: parts.every((part) => part.top >= top - 1 && part.bottom <= (boxes[index + 1]?.top ?? Infinity) + 1),
      }));
    });
    expect(rows).to.deep.equal(rows.map(() => ({ isInside: true, isAbove: true })));
    const names = await page.locator('dialog .members .name').allInnerTexts();
    expect(
      names.map((name) => name.slice(0, 3)),
      'by name',
    ).to.deep.equal(['ana', 'bru', 'www', 'Zoë']);
  });

  it('shows the buttons of the newest message at the first tap, and does nothing else', async () => {
    const { group_id: id } = await ana.createChat('Taps');
    for (let number = 1; number <= 12; number++) await ana.send(id, `message ${number}`);
    const page = await browser.signIn(url, 'ana_orm', {
      viewport: { width: 360, height: 640 },
      hasTouch: true,
      isMobile: true,
    });
    await openGroup(page, 'Taps');
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

  it('opens the list of shortcuts at its beginning, and does not cut it', async () => {
    const page = await browser.signIn(url, 'ana_orm', SMALL);
    await page.keyboard.press('Control+/');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    expect(await dialogOf(page)).to.deep.equal({ scrolled: 0, excess: 0 });
  });

  it('closes the dialog of a group when the user goes back, or when the group is gone', async () => {
    const { group_id: id } = await ana.createChat('Short-lived', ['bruno_orm']);
    const page = await browser.signIn(url, 'bruno_orm');
    await openGroup(page, GROUP);
    await openGroup(page, 'Short-lived');
    await page.getByRole('button', { name: '2 members' }).click();
    await page.getByRole('dialog').waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.goForward();
    await page.getByRole('heading', { name: 'Short-lived' }).waitFor();
    expect(await page.getByRole('dialog').count()).to.equal(0);
    await page.getByRole('button', { name: '2 members' }).click();
    await page.getByRole('dialog').waitFor();
    await ana.groups.delete(id);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('or it no longer exists').waitFor();
  });

  it('does not show the group of one user to the next', async () => {
    const page = await browser.signIn(url, 'ana_orm');
    await openGroup(page, GROUP);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('visitor');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText("You aren't in any chat yet.").waitFor();
  });

  it('mutes a group for as long as the page is open if the browser denies storage', async () => {
    const page = await browser.open(url);
    const denied = `{ get() { throw new DOMException('denied', 'SecurityError'); } }`;
    await page.addInitScript({
      content: `for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, ${denied});`,
    });
    await page.reload();
    await page.getByRole('textbox', { name: 'Name' }).fill('ana_orm');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await openGroup(page, GROUP);
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('checkbox', { name: /^Mute/ }).check();
    await page.keyboard.press('Escape');
    const muted = page.getByRole('link', { name: GROUP }).getByRole('img', { name: 'Muted' });
    expect(await muted.count(), 'cancelled').to.equal(0);
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('checkbox', { name: /^Mute/ }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await muted.waitFor();
  });

  it('shows a notice in the language that the user chooses next', async () => {
    const page = await browser.signIn(url, 'ana_orm');
    await page.evaluate(() => {
      location.hash = '#group-1-message-999999';
    });
    await page.getByText('This message was deleted').waitFor();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await page.locator('#notice', { hasText: 'Esta mensagem foi apagada' }).waitFor();
  });

  it('shows an error in a dialog in the language that the user chooses next', async () => {
    const page = await browser.signIn(url, 'ana_orm');
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('bruno_orm');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByText('This name is taken.').waitFor();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await page.getByText('Este nome já está em uso.').waitFor();
    expect(browser.problems(/status of 409/)).to.deep.equal([]);
  });

  it('follows a draft and a choice of the language in another tab', async () => {
    const one = await browser.signIn(url, 'ana_orm');
    await openGroup(one, GROUP);
    const other = await browser.openBeside(one, url);
    await openGroup(other, GROUP);
    const field = (page: Page) => page.getByRole('textbox', { name: 'Message' });
    const has = (page: Page, text: string) =>
      eventually('the field has the draft', async () => (await field(page).inputValue()) === text);
    await field(one).fill('a draft');
    await has(other, 'a draft');
    await field(other).press('Enter');
    await one.locator('.message', { hasText: 'a draft' }).first().waitFor();
    await has(one, '');
    await one.getByRole('button', { name: 'Account' }).click();
    await one.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await other.getByRole('button', { name: 'Enviar' }).waitFor();
  });

  for (const days of [-2, 2]) {
    it(`has right days and the right order of groups on a device whose clock is wrong by ${days} days`, async () => {
      const [busy, quiet] = [`Busy ${days}`, `Quiet ${days}`];
      const { group_id: id } = await ana.createChat(busy);
      await ana.send(id, 'the first message');
      await ana.createChat(quiet);
      const page = await browser.open(url);
      await page.clock.setFixedTime(Date.now() + days * 86_400_000);
      await page.reload();
      await page.getByRole('textbox', { name: 'Name' }).fill('ana_orm');
      await page.getByRole('button', { name: 'Sign in' }).click();
      const firstGroup = (name: string) => page.locator('#groups li:first-child .name', { hasText: name }).waitFor();
      await firstGroup(quiet);
      await ana.send(id, 'one more message');
      await firstGroup(busy);
      await page.locator('#groups li:first-child time', { hasText: /^\d\d:\d\d$/ }).waitFor();
      await openGroup(page, busy);
      await page.locator('.day', { hasText: 'Today' }).waitFor();
      expect(await page.locator('.day').count()).to.equal(1);
    });
  }

  it('shows a deleted account as such wherever it had a name, live and after a reload', async () => {
    const gone = new ChatClient({ urls: [url] });
    await gone.login('Gone');
    const { group_id: id } = await gone.createChat('With a gone user', ['ana_orm', 'bruno_orm']);
    const { message_id: first } = await gone.send(id, 'a message that stays');
    await ana.send(id, 'a reply', { replyTo: first });
    const direct = await gone.openDirect(ana.userId ?? 0);
    await gone.send(direct.group_id, 'between us');
    const page = await browser.signIn(url, 'ana_orm');
    await page.getByRole('link', { name: 'Gone', exact: false }).first().waitFor();
    await openGroup(page, 'With a gone user');
    await page.locator('.sender', { hasText: 'Gone' }).first().waitFor();
    await gone.account.delete();
    const isShown = async (name: string) => {
      await page.locator('.message', { hasText: 'that stays' }).locator('.sender', { hasText: name }).waitFor();
      await page.locator('.quote-sender', { hasText: name }).waitFor();
      await page.locator('#groups .name', { hasText: name }).waitFor();
      await page.locator('#groups .preview', { hasText: /^between us$/ }).waitFor();
      expect(await page.locator('body').innerText()).not.to.match(/deleted-\d/);
    };
    await isShown('Deleted account');
    await page.reload();
    await isShown('Deleted account');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Groups, people and messages' }).fill('between us');
    await page.getByRole('option', { name: 'Deleted account, Deleted account' }).click();
    await page.getByRole('heading', { name: 'Deleted account' }).waitFor();
    await page.locator('.message', { hasText: 'between us' }).focus();
    await page.keyboard.press('r');
    await page.getByText('Replying to Deleted account').waitFor();
    await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
    await page.reload();
    await page.locator('#groups').getByRole('link', { name: 'With a gone user' }).click();
    await isShown('Conta excluída');
  });

  it('is in English while the texts of another language cannot be loaded', async () => {
    const page = await browser.open(url, { locale: 'pt-BR' });
    await page.getByRole('button', { name: 'Entrar' }).waitFor();
    const texts = '**/assets/home-pt-br.*.js';
    await page.route(texts, (route) => route.abort());
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).to.equal('en');
    await page.unroute(texts);
    await page.reload();
    await page.getByRole('button', { name: 'Entrar' }).waitFor();
    expect(browser.problems(/ERR_FAILED/)).to.deep.equal([]);
  });

  it('has its bar in one row on a tablet, in Portuguese', async () => {
    const page = await browser.signIn(url, 'ana_orm', { viewport: { width: 820, height: 1180 } });
    await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
    await page.reload();
    const tops = () => page.locator('#top > *').evaluateAll((parts) => parts.map((one) => one.getBoundingClientRect()));
    await page.getByRole('button', { name: 'Sair' }).waitFor();
    const [brand, ...others] = await tops();
    for (const { top } of others) expect(top).to.be.lessThan(brand?.bottom ?? 0);
    expect(await overflow(page)).to.equal(0);
  });
});
