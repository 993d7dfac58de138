import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messageField, openGroup } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

describe('The fields of the chat page in which a user names a person', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();
  let ana: ChatClient;

  before('create users', async () => {
    for (const name of ['bruno', 'clara', 'clarice']) await new ChatClient({ urls: [use.first.url] }).login(name);
    ana = new ChatClient({ urls: [use.first.url] });
    await ana.login('ana');
  });
  expectNoProblems(use);

  const field = (page: Page, name: string) => page.getByRole('combobox', { name });
  const untilShown = (page: Page, text: string) => page.getByRole('alert').getByText(text).waitFor();
  const membersOf = async (group: string) => {
    const chat = (await ana.chats()).chats.find(({ name }) => name === group);
    return chat?.members.map(({ username }) => username).sort();
  };

  async function newGroup(name: string): Promise<Page> {
    const page = await use.browser.signIn(use.first.url, 'ana');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('textbox', { name: 'Group name' }).fill(name);
    return page;
  }

  it('choose with Enter, with the arrow keys, and by leaving the field', async () => {
    const page = await newGroup('By keyboard');
    const people = field(page, 'Add members');
    await people.fill('brun');
    await people.press('Enter');
    await page.locator('.person', { hasText: 'bruno' }).waitFor();
    await people.fill('clar');
    await page.getByRole('option', { name: 'clarice' }).waitFor();
    await expectAccessible(page, 'chat-new-group');
    await people.press('Enter');
    await untilShown(page, 'Several people match “clar”. Choose one.');
    await people.press('ArrowDown');
    await people.press('ArrowDown');
    await people.press('Enter');
    await page.locator('.person', { hasText: 'clarice' }).waitFor();
    await people.fill('CLARA');
    await page.getByRole('textbox', { name: 'Group name' }).focus();
    await page.locator('.person', { hasText: 'clara' }).waitFor();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'By keyboard' }).waitFor();
    expect(await membersOf('By keyboard')).to.deep.equal(['ana', 'bruno', 'clara', 'clarice']);
  });

  it('find people without their accents, as do the search and the completion of mentions', async () => {
    const joao = new ChatClient({ urls: [use.first.url] });
    await joao.login('João Araújo');
    const page = await newGroup('Sem acentos');
    await field(page, 'Add members').fill('joao a');
    await page.getByRole('option', { name: 'João Araújo' }).click();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Sem acentos' }).waitFor();
    await messageField(page).pressSequentially('Oi @joao');
    await page.getByRole('option', { name: 'João Araújo' }).click();
    expect(await messageField(page).inputValue()).to.equal('Oi @João Araújo ');
    await page.keyboard.press('Enter');
    await page.locator('.message .mention', { hasText: '@João Araújo' }).waitFor();
    await page.getByRole('button', { name: /^Search/ }).click();
    await field(page, 'Groups, people and messages').fill('araujo');
    await page
      .locator('#hits', { hasText: 'Person' })
      .getByRole('option', { name: /João Araújo/ })
      .first()
      .waitFor();
    await field(page, 'Groups, people and messages').fill('SÉM ACENTÓS');
    await page
      .locator('#hits')
      .getByRole('option', { name: /Sem acentos/ })
      .first()
      .waitFor();
    await page.keyboard.press('Escape');
  });

  it('include the person whose name is in the field when the dialog is submitted', async () => {
    const page = await newGroup('Typed, not picked');
    await field(page, 'Add members').fill('bruno');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Typed, not picked' }).waitFor();
    expect(await membersOf('Typed, not picked')).to.deep.equal(['ana', 'bruno']);
  });

  it('say that there is no such person, and never drop the name', async () => {
    const page = await newGroup('Book club');
    await field(page, 'Add members').fill('zoe');
    await page.getByRole('button', { name: 'Create' }).click();
    await untilShown(page, 'No one is called “zoe”. Check the spelling.');
    await field(page, 'Add members').fill('ana');
    await page.getByRole('button', { name: 'Create' }).click();
    await untilShown(page, 'ana is already included.');
    expect(await membersOf('Book club')).to.equal(undefined);
    await field(page, 'Add members').fill('');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Book club' }).waitFor();
    await page.getByRole('button', { name: '1 member' }).click();
    await field(page, 'Add a member').fill('bruno');
    await page.getByRole('button', { name: 'Close' }).click();
    await untilShown(page, "“bruno” wasn't added. Choose a person, or clear the field.");
    await field(page, 'Add a member').press('Enter');
    await eventually('bruno is a member', async () => (await membersOf('Book club'))?.includes('bruno') === true);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('find a person who registers after the first attempt', async () => {
    const page = await newGroup('Late');
    const people = field(page, 'Add members');
    await people.fill('rita');
    await people.press('Enter');
    await untilShown(page, 'No one is called “rita”. Check the spelling.');
    await new ChatClient({ urls: [use.first.url] }).login('rita');
    await people.press('Enter');
    await page.locator('.person', { hasText: 'rita' }).waitFor();
  });

  it('say that the name has changed during the search, and choose no one', async () => {
    const page = await newGroup('Changed');
    const people = field(page, 'Add members');
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route('**/users?*', async (route) => {
      await released;
      await route.continue();
    });
    const requested = page.waitForRequest('**/users?*');
    await people.fill('bruno');
    await page.getByRole('button', { name: 'Create' }).click();
    await requested;
    await people.fill('clara');
    release();
    await untilShown(page, 'The name is now “clara”. Try again.');
    expect(await page.locator('.person').count()).to.equal(0);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Changed' }).waitFor();
    expect(await membersOf('Changed')).to.deep.equal(['ana', 'clara']);
  });

  it('open a direct conversation in a dialog of its own', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana');
    await page.getByRole('button', { name: 'New direct chat' }).click();
    const dialog = page.getByRole('dialog', { name: 'New direct chat' });
    await field(page, 'Who do you want to write to?').fill('cla');
    await dialog.getByRole('option', { name: 'clara' }).waitFor();
    await expectAccessible(page, 'chat-new-direct');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'clara' }).waitFor();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'New direct chat' }).click();
    await field(page, 'Who do you want to write to?').fill('someone unknown');
    await dialog.getByRole('button', { name: 'Open direct chat' }).click();
    await untilShown(page, 'No one is called “someone unknown”.');
    await field(page, 'Who do you want to write to?').fill('bruno');
    await dialog.getByRole('button', { name: 'Open direct chat' }).click();
    await page.getByRole('heading', { name: 'bruno' }).waitFor();
  });

  it('open the first hit of a search when Enter was pressed before it was found', async () => {
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'By keyboard');
    await page.keyboard.press('Control+k');
    const search = field(page, 'Groups, people and messages');
    await search.fill('clarice');
    await search.press('Enter');
    await page.getByRole('heading', { name: 'clarice' }).waitFor();
  });
});
