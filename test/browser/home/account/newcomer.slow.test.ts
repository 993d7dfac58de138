import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { messageField, NODE_IS_DOWN, openGroup } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

describe('The chat page for a newcomer from another chat service', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();
  const ana = 'Ana Araújo';
  let bruno: ChatClient;
  let group: number;

  before('create a group', async () => {
    await new ChatClient({ urls: [use.first.url] }).login(ana);
    bruno = new ChatClient({ urls: [use.first.url] });
    await bruno.login('bruno');
    group = (await bruno.createChat('Plans', [ana])).group_id;
  });
  expectNoProblems(use, NODE_IS_DOWN);

  const row = (page: Page, name: string) => page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name });

  it('marks chats in which the user was mentioned, also after a reload, until the messages are read', async () => {
    const page = await use.browser.signIn(use.first.url, ana);
    await row(page, 'Plans').waitFor();
    await bruno.send(group, 'just a message');
    await row(page, 'Plans').getByRole('img', { name: '1 unread' }).waitFor();
    const mark = row(page, 'Plans').getByRole('img', { name: 'You were mentioned' });
    expect(await mark.count()).to.equal(0);
    await bruno.send(group, 'look here, @ana araujo!');
    await mark.waitFor();
    await expectAccessible(page, 'chat-mentioned');
    await page.reload();
    await mark.waitFor();
    await openGroup(page, 'Plans');
    await page.locator('.message.mentions-me .own-mention', { hasText: '@ana araujo' }).waitFor();
    await mark.waitFor({ state: 'detached' });
  });

  it('shows the last message of a direct chat without the name of the other user, which its line shows already', async () => {
    const { group_id: direct } = await bruno.openDirect((await bruno.users(ana))[0]?.id ?? 0);
    await bruno.send(direct, 'only to you');
    const page = await use.browser.signIn(use.first.url, ana);
    // The line of a group may have his name in its last message.
    const line = page.locator('#groups a', { has: page.locator('.name', { hasText: /^bruno$/ }) });
    const preview = line.locator('.preview');
    await preview.filter({ hasText: 'only to you' }).waitFor();
    expect(await preview.innerText()).to.equal('only to you');
  });

  it('shows in the list what the user has begun to write in another chat', async () => {
    const { group_id: direct } = await bruno.openDirect((await bruno.users(ana))[0]?.id ?? 0);
    await bruno.send(direct, 'are you there?');
    const page = await use.browser.signIn(use.first.url, ana);
    await openGroup(page, 'Plans');
    const draft = row(page, 'Plans').locator('.preview', { hasText: 'Draft: not yet sent' });
    await messageField(page).fill('**not** yet sent');
    // Another chat may have his name in its last message.
    const openDirect = () => page.locator(`#groups a[href="#group-${direct}"]`).click();
    await openDirect();
    await draft.waitFor();
    await page.reload();
    await draft.waitFor();
    await expectAccessible(page, 'chat-draft');
    await openGroup(page, 'Plans');
    await draft.waitFor({ state: 'detached' });
    await messageField(page).fill('');
    await openDirect();
    await page.locator('#conversation-title', { hasText: 'bruno' }).waitFor();
    expect(await row(page, 'Plans').locator('.preview', { hasText: 'Draft' }).count()).to.equal(0);
  });

  it('offers a user without chats every way to start one, on a phone too', async () => {
    const { token } = await bruno.groups.invite(group);
    for (const [name, viewport] of [
      ['diana', { width: 1280, height: 720 }],
      ['elisa', { width: 360, height: 640 }],
    ] as const) {
      const page = await use.browser.signIn(use.first.url, name, { viewport });
      await page.getByText("You aren't in any chat yet.").waitFor();
      for (const way of ['Write to a person', 'New group', 'Join a group', 'Use an invitation link'])
        expect(await page.getByRole('button', { name: way }).count(), way).to.equal(1);
      await expectAccessible(page, `chat-first-${viewport.width}`);
      await page.getByRole('button', { name: 'Write to a person' }).click();
      await page.getByRole('combobox', { name: 'Who do you want to write to?' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Use an invitation link' }).click();
      const field = page.getByRole('textbox', { name: 'Invitation link' });
      const join = page.getByRole('button', { name: 'Join', exact: true });
      await field.fill('https://elsewhere.example/#group-1');
      await join.click();
      expect(await field.evaluate((input) => input.matches(':invalid'))).to.equal(true);
      await field.fill(`${use.second.url}/home#invitation-${token}`);
      await expectAccessible(page, `dialog-use-invitation-${viewport.width}`);
      await join.click();
      await page.locator('#conversation-title', { hasText: 'Plans' }).waitFor();
      await page.getByText('You joined Plans.').waitFor();
    }
  });

  it('shows a direct chat read-only once the other account is deleted', async () => {
    const carla = new ChatClient({ urls: [use.first.url] });
    await carla.login('carla');
    const { group_id: direct } = await carla.openDirect((await carla.users(ana))[0]?.id ?? 0);
    await carla.send(direct, 'goodbye');
    const page = await use.browser.signIn(use.first.url, ana);
    await openGroup(page, 'carla');
    await messageField(page).waitFor();
    await carla.account.delete();
    await page
      .getByText('This person has deleted their account. You can read the chat, but no longer write.')
      .waitFor();
    await messageField(page).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('This person has deleted their account.').waitFor();
    await page.locator('.message', { hasText: 'goodbye' }).waitFor();
    await expectAccessible(page, 'chat-deleted-account');
  });

  it('offers an existing group with a similar name before it creates another', async () => {
    await bruno.createChat('Plantão');
    const page = await use.browser.signIn(use.first.url, ana);
    const ask = async () => {
      await page.getByRole('button', { name: 'Join a group' }).click();
      await page.getByRole('textbox', { name: 'Group name' }).fill('plantao');
      await page.getByRole('button', { name: 'Join', exact: true }).click();
      return page.getByRole('dialog', { name: 'There is a group “Plantão”' });
    };
    const question = await ask();
    await question.getByText('Join it, or create “plantao” anyway?').waitFor();
    await expectAccessible(page, 'dialog-similar-group');
    await question.getByRole('button', { name: 'Join', exact: true }).click();
    await page.locator('#conversation-title', { hasText: 'Plantão' }).waitFor();
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('PLANTAO');
    await page.getByRole('link', { name: 'You are already in a group called “Plantão”.' }).waitFor();
    await expectAccessible(page, 'dialog-new-group-similar');
    await page.keyboard.press('Escape');
    await (await ask()).getByRole('button', { name: 'Create anyway' }).click();
    await page.locator('#conversation-title', { hasText: /^plantao$/ }).waitFor();
    expect(use.browser.problems(/status of 404/)).to.deep.equal([]);
  });

  it('shows a description in one line in the header, and with its line breaks in the details', async () => {
    const { group_id: id } = await bruno.createChat('Described', [ana]);
    await bruno.groups.change(id, { description: 'first line\nsecond line\n\nthird line' });
    const page = await use.browser.signIn(use.first.url, ana);
    await openGroup(page, 'Described');
    const heightOf = (place: string) =>
      page.locator(`${place} .description`).evaluate((element) => element.getBoundingClientRect().height);
    expect(await heightOf('#conversation > header')).to.be.lessThan(25);
    for (const button of ['2 members', 'Group settings']) {
      await page.getByRole('button', { name: button }).click();
      const lines = await page.locator('dialog .description').innerText();
      expect(lines.split(/\n+/), button).to.deep.equal(['first line', 'second line', 'third line']);
      await expectAccessible(page, `dialog-description-${button.slice(2)}`);
      await page.keyboard.press('Escape');
    }
  });

  it('says at once that it is connecting or has no network, and its layout does not move', async () => {
    const page = await use.browser.signIn(use.first.url, ana);
    await openGroup(page, 'Plans');
    const top = () => page.locator('#conversation').evaluate((section) => section.getBoundingClientRect().top);
    const before = await top();
    await page.context().setOffline(true);
    await page.locator('#notice', { hasText: "Can't connect." }).waitFor();
    expect(await top()).to.equal(before);
    await expectAccessible(page, 'chat-offline-notice');
    const boxOf = (id: string) => page.locator(id).evaluate((element) => element.getBoundingClientRect().toJSON());
    await bruno.groups.change(group, { description: 'a line of its own' });
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 640 });
      const [notice, title] = [await boxOf('#notice'), await boxOf('#conversation > header')];
      expect(notice.top >= title.bottom || notice.bottom <= title.top, `the name is to be seen at ${width}`).to.equal(
        true,
      );
    }
    for (const width of [360, 720, 1280]) {
      await page.setViewportSize({ width, height: 640 });
      const [notice, start] = [await boxOf('#notice'), await boxOf('#older')];
      const groups = await page
        .locator('#groups a')
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect()));
      expect(start.top, `the start of a short chat at ${width}`).to.be.at.least(notice.bottom);
      if (width > 360) expect(notice.left, `the chats at ${width}`).to.be.at.least(groups[0]?.right ?? 0);
    }
    await page.context().setOffline(false);
    await page.locator('#notice', { hasText: "Can't connect." }).waitFor({ state: 'detached' });
    // Nodes that do not answer: what was loaded is there, and the page says what it waits for.
    await page.route(/\/(health|chats|cluster|messages|subscribe)/, () => {});
    await page.reload();
    await page.locator('#notice', { hasText: 'Connecting…' }).waitFor();
    await page.locator('.message', { hasText: 'just a message' }).waitFor();
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });
});
