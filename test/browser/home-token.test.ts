import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { startTwoNodes, type TwoNodes } from '../support/two-nodes.ts';
import { type ChatBrowser, hasChromium, startChatBrowser } from './chat-browser.ts';

describe('The chat page where AUTH=token says what is true there', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let nodes: TwoNodes;
  let browser: ChatBrowser;

  before('two nodes and a browser', async function () {
    if (!hasChromium()) return this.skip();
    database = await createDatabase();
    nodes = await startTwoNodes(database.url, { AUTH: 'token', ADMIN_TOKEN: 'only-for-this-test-0123456789abcdef' });
    browser = await startChatBrowser();
  });
  after('two nodes and a browser', async () => {
    await browser?.close();
    await nodes?.stop();
    await database?.drop();
  });

  async function register(page: Page, name: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByLabel('Password').fill(`${name} has a password`);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  }

  it('asks for a password, and promises no account for any name', async () => {
    const page = await browser.open(nodes.active.url);
    await page.getByText('Choose both, and register').waitFor();
    expect(await page.getByText('Any name will do').isVisible()).to.equal(false);
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByLabel('Password').evaluate((field) => field.matches(':invalid'))).to.equal(true);
    expect(browser.problems()).to.deep.equal([]);
  });

  it('offers no joining by name, which would make a second group of it; a member adds one', async () => {
    const ana = await browser.open(nodes.active.url);
    await register(ana, 'ana');
    const bruno = await browser.open(nodes.standby.url);
    await register(bruno, 'bruno');
    await bruno.getByText('have a member of one add you').waitFor();
    expect(await bruno.getByRole('button', { name: 'Join a group' }).count()).to.equal(0);
    await ana.getByRole('button', { name: 'New group' }).click();
    await ana.getByRole('textbox', { name: 'Name of the group' }).fill('Equipe');
    await ana.getByRole('button', { name: 'Create' }).click();
    await ana.getByRole('button', { name: '1 member' }).click();
    await ana.getByRole('searchbox', { name: 'Add somebody' }).fill('bruno');
    await ana.getByRole('button', { name: '+ bruno' }).click();
    await bruno.getByRole('link', { name: 'Equipe' }).waitFor();
    expect(browser.problems()).to.deep.equal([]);
  });
});
