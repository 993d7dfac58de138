import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messageField, openGroup, untilActiveNodeIsShown, waitForMessage } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

describe('The chat page shows what happens to a group', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();
  let ana: ChatClient;
  let bruno: ChatClient;

  before('create users', async () => {
    [ana, bruno] = (await Promise.all(['ana', 'bruno', 'clara'].map(signedIn))) as [ChatClient, ChatClient];
  });
  expectNoProblems(use);

  async function signedIn(name: string): Promise<ChatClient> {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login(name);
    return client;
  }

  const line = (page: Page, text: string) => page.locator('.system-line', { hasText: text }).last().waitFor();

  it('asks the only owner to choose a new one before leaving, and shows every member the new owner', async () => {
    const { group_id: id } = await ana.createChat('Handed over', ['bruno', 'clara']);
    const page = await use.browser.signIn(use.first.url, 'ana');
    const other = await use.browser.signIn(use.second.url, 'bruno');
    await openGroup(page, 'Handed over');
    await openGroup(other, 'Handed over');
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('button', { name: 'Leave group' }).click();
    const choice = page.getByRole('combobox', { name: 'New owner' });
    expect(await choice.locator('option').allInnerTexts()).to.deep.equal(['bruno', 'clara']);
    await choice.selectOption('clara');
    await expectAccessible(page, 'chat-leave-owner');
    await page.getByRole('button', { name: 'Leave', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await line(other, 'ana made clara an owner.');
    await line(other, 'ana left.');
    const members = await bruno.members(id);
    expect(members.map(({ username, role }) => [username, role])).to.have.deep.members([
      ['bruno', 'member'],
      ['clara', 'owner'],
    ]);
    await expectAccessible(other, 'chat-system-messages');
  });

  it('does not ask for a new owner while another one remains, and shows joins, roles and new names', async () => {
    const { group_id: id } = await ana.createChat('Room', ['bruno']);
    await ana.groups.setRole(id, bruno.userId ?? 0, 'owner');
    const page = await use.browser.signIn(use.first.url, 'bruno');
    await openGroup(page, 'Room');
    await ana.send(id, 'before');
    await waitForMessage(page, 'before');
    const clara = await signedIn('clara');
    await ana.join(id, { userId: clara.userId ?? 0 });
    await line(page, 'ana added clara.');
    await ana.groups.setRole(id, clara.userId ?? 0, 'admin');
    await line(page, 'ana made clara an admin.');
    await ana.groups.setRole(id, bruno.userId ?? 0, 'member');
    await line(page, 'ana made you a regular member.');
    await ana.groups.setRole(id, bruno.userId ?? 0, 'owner');
    await line(page, 'ana made you an owner.');
    await ana.groups.change(id, { name: 'Room 2' });
    await line(page, 'ana renamed the group to Room 2.');
    await ana.send(id, 'after');
    await waitForMessage(page, 'after');
    const textsOn = async () =>
      (await page.locator('#messages > li:not(.day) :is(.content, span[dir])').allInnerTexts()).filter(
        (text) => text !== 'New messages',
      );
    const texts = await textsOn();
    expect(texts).to.deep.equal([
      ...['ana created the group.', 'ana added you.', 'ana made you an owner.', 'before', 'ana added clara.'],
      ...['ana made clara an admin.', 'ana made you a regular member.', 'ana made you an owner.'],
      ...['ana renamed the group to Room 2.', 'after'],
    ]);
    await expectAccessible(page, 'chat-room-events');
    await page.reload();
    await waitForMessage(page, 'after');
    await eventually('a reload shows the same', async () => (await textsOn()).join() === texts.join());
    // Another device, which has nothing of it, in Portuguese.
    const other = await use.browser.open(use.second.url, { locale: 'pt-BR' });
    await untilActiveNodeIsShown(other);
    await other.locator('#username').fill('clara');
    await other.keyboard.press('Enter');
    await other.getByRole('link', { name: 'Room 2' }).click();
    for (const text of ['ana adicionou bruno.', 'ana adicionou você.', 'ana mudou o nome do grupo para Room 2.']) {
      await line(other, text);
    }
    await bruno.send(id, 'from bruno');
    await ana.groups.change(id, { description: 'What for', archived: true });
    await line(other, 'ana alterou a descrição do grupo.');
    await line(other, 'ana arquivou o grupo.');
    // Neither buttons nor keys offer anything that needs the composer.
    const message = page.locator('.message', { hasText: 'from bruno' });
    await page.locator('.archived').waitFor();
    await message.focus();
    const tools = message.getByRole('toolbar');
    await tools.getByRole('button', { name: 'React' }).waitFor();
    for (const name of ['Reply', 'Edit']) expect(await tools.getByRole('button', { name }).count(), name).to.equal(0);
    await ana.groups.change(id, { archived: false });
    await line(page, 'ana restored the group.');
    await messageField(page).waitFor();
    await message.focus();
    for (const name of ['Reply', 'Edit']) await tools.getByRole('button', { name }).waitFor();
    await ana.groups.change(id, { showsReads: true });
    await line(page, 'ana turned read receipts on.');
    await ana.groups.change(id, { showsReads: false });
    await line(other, 'ana desativou as confirmações de leitura.');
    await expectAccessible(other, 'chat-room-events-pt');
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('button', { name: 'Leave group' }).click();
    await page.getByRole('dialog', { name: 'Leave Room 2?' }).waitFor();
    expect(await page.getByRole('combobox', { name: 'New owner' }).count()).to.equal(0);
  });

  it('shows users who were added in succession in one line, and each user who joined alone in a separate line', async () => {
    const { group_id: id } = await ana.createChat('Merged', ['bruno']);
    const page = await use.browser.signIn(use.first.url, 'bruno');
    await openGroup(page, 'Merged');
    const added = await Promise.all(['davi', 'elis', 'fabio', 'gil'].map(signedIn));
    for (const client of added) await ana.join(id, { userId: client.userId ?? 0 });
    for (const name of ['hugo', 'iara']) await (await signedIn(name)).joinNamed('Merged');
    await line(page, 'iara joined.');
    // Names are isolated from the text around them.
    const lines = async () =>
      (await page.locator('.system-line').allInnerTexts()).map((text) => text.replace(/[\u2068\u2069]/g, ''));
    const expected = [
      'ana created the group.',
      'ana added you, davi, elis and 2 others.',
      'hugo joined.',
      'iara joined.',
    ];
    expect(await lines()).to.deep.equal(expected);
    await page.reload();
    await eventually('a reload shows the same', async () => (await lines()).join() === expected.join());
    await expectAccessible(page, 'chat-joins-merged');
  });

  it('keeps the changes of two owners who edit the settings at the same time', async () => {
    const { group_id: id } = await ana.createChat('Both', ['bruno']);
    await ana.groups.setRole(id, bruno.userId ?? 0, 'owner');
    const [one, other] = [
      await use.browser.signIn(use.first.url, 'ana'),
      await use.browser.signIn(use.second.url, 'bruno'),
    ];
    for (const page of [one, other]) {
      await openGroup(page, 'Both');
      await page.getByRole('button', { name: 'Group settings' }).click();
    }
    await one.getByLabel('Group name').fill('Both of us');
    await other.getByLabel('Description').fill('What the other wrote');
    await other.getByLabel('Read receipts').check();
    await one.getByRole('button', { name: 'Save' }).click();
    await other.locator('#conversation-title', { hasText: 'Both of us' }).waitFor();
    expect(await other.getByLabel('Group name').inputValue(), 'the form stays as it was opened').to.equal('Both');
    await other.getByRole('button', { name: 'Save' }).click();
    for (const page of [one, other]) {
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await line(page, 'renamed the group to Both of us.');
      await line(page, 'changed the description of the group.');
      await line(page, 'turned read receipts on.');
      await page.locator('#conversation-title', { hasText: 'Both of us' }).waitFor();
      await page.locator('#conversation > header .description', { hasText: 'What the other wrote' }).waitFor();
    }
  });

  it('shows the true role again after a change that was refused', async () => {
    await ana.createChat('Owned', ['bruno']);
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'Owned');
    await page.getByRole('button', { name: '2 members' }).click();
    const own = page.getByRole('combobox', { name: 'Role of ana' });
    const refusal = page.getByRole('alert').filter({ hasText: 'You are the last owner' });
    for (const role of ['member', 'admin']) {
      await own.selectOption(role);
      await refusal.waitFor();
      await eventually('the select says owner', async () => (await own.inputValue()) === 'owner');
    }
    const other = page.getByRole('combobox', { name: 'Role of bruno' });
    await other.selectOption('admin');
    await refusal.waitFor({ state: 'detached' });
    await line(page, 'You made bruno an admin.');
    await eventually('the select says admin', async () => (await other.inputValue()) === 'admin');
    expect(use.browser.problems(/ 403 | 409 /)).to.deep.equal([]);
  });

  it('shows in the quote of a reply that its message was edited and deleted, live and after a reload', async () => {
    const { group_id: id } = await ana.createChat('Quotes', ['bruno']);
    const { message_id } = await ana.send(id, 'the **frist** text');
    await bruno.send(id, 'an answer', { replyTo: message_id });
    const page = await use.browser.signIn(use.first.url, 'bruno');
    await openGroup(page, 'Quotes');
    const quote = (text: string) => page.locator('.message', { hasText: 'an answer' }).getByText(text).waitFor();
    await quote('the frist text');
    await page.locator('.message', { hasText: 'frist' }).first().focus();
    await page.keyboard.press('r');
    await page.locator('#composer .mode', { hasText: 'the frist text' }).waitFor();
    await ana.editMessage(message_id, 'the **first** text');
    await quote('the first text');
    await page.locator('#composer .mode', { hasText: 'the first text' }).waitFor();
    await page.keyboard.press('Escape');
    await page.reload();
    await quote('the first text');
    await ana.deleteMessage(message_id);
    await quote('The original message was deleted.');
    await page.reload();
    await quote('The original message was deleted.');
  });

  it('shows texts without their formatting in the list and in search results', async () => {
    const { group_id: id } = await ana.createChat('Plain', ['bruno']);
    await ana.send(id, '**Launch** at `10:00`\n> see _plan_');
    const page = await use.browser.signIn(use.first.url, 'bruno');
    await page.locator('#groups .preview', { hasText: 'ana: Launch at 10:00 see plan' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Groups, people and messages' }).fill('launch');
    const hit = page.getByRole('option', { name: 'Message' });
    expect(await hit.locator('.title').innerText()).to.equal('Launch at 10:00 see plan');
    expect(await hit.locator('mark').innerText()).to.equal('Launch');
  });
});
