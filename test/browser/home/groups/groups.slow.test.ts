import { expect } from 'chai';
import { openGroup, waitForMessage } from '../../chat-browser.ts';
import { expectAccessible, expectFits } from '../../page-checks.ts';
import { useChat } from '../use-chat.ts';

describe('Groups on the chat page', function () {
  this.timeout(180_000);
  const { use, clientOf, ana, newGroup } = useChat();

  it('renames a group, and invites by a link that another user opens', async () => {
    const page = await ana();
    const me = await clientOf('ana');
    const name = 'Plans';
    await me.createChat(name);
    await openGroup(page, name);
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('button', { name: 'Create invitation link' }).click();
    const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
    await page.getByRole('textbox', { name: 'Group name' }).fill(`${name} renamed`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: `${name} renamed`, exact: true }).waitFor();
    const clara = await use.browser.signIn(use.second.url, 'clara');
    await clara.evaluate((address) => {
      location.hash = new URL(address).hash;
    }, link);
    await clara.getByRole('heading', { name: `${name} renamed`, exact: true }).waitFor();
    await page.getByRole('button', { name: '2 members' }).waitFor();
  });

  it('asks for confirmation before a join by name creates a group', async () => {
    const page = await ana();
    await page.getByRole('button', { name: 'Join a group' }).click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('Unheard of');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    const question = page.getByRole('dialog', { name: 'Create Unheard of?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.getByRole('link', { name: 'Unheard of' }).count()).to.equal(0);
    expect(use.browser.problems(/status of 404/)).to.deep.equal([]);
  });

  it('says that the user is not a member when a link names another group', async () => {
    const page = await ana();
    await page.evaluate(() => {
      location.hash = '#group-987654';
    });
    await page.getByText("You aren't a member of this group").waitFor();
    expect(use.browser.problems(/status of 404/)).to.deep.equal([]);
  });

  it('says who has removed the user, and only that a group is gone if it was deleted', async () => {
    const page = await ana();
    const { name, id, bruno } = await newGroup();
    await openGroup(page, name);
    const me = await clientOf('ana');
    const { user } = await me.sync();
    await bruno.leave(id, { userId: user.id });
    await page
      .getByRole('status')
      .filter({ hasText: `${name}: bruno removed you.` })
      .waitFor();
    await page.getByText("You aren't a member of this group").waitFor();
    const other = await newGroup();
    await openGroup(page, other.name);
    await other.bruno.groups.delete(other.id);
    await page.getByText("You aren't a member of this group").waitFor();
    expect(await page.getByText(`${other.name}: bruno removed you.`).count()).to.equal(0);
    expect(use.browser.problems(/status of 40[34]/)).to.deep.equal([]);
  });

  it('closes the dialog of a group when the user goes back, or when the group is gone', async () => {
    const { name } = await newGroup();
    const me = await clientOf('ana');
    const { group_id: id } = await me.createChat('Short-lived', ['bruno']);
    const page = await use.browser.signIn(use.first.url, 'bruno');
    await openGroup(page, name);
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
    await me.groups.delete(id);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('or it no longer exists').waitFor();
  });

  it('says what leaving a group means, whose message will be deleted, and what a group is about', async () => {
    const [me, bruno] = [await clientOf('ana'), await clientOf('bruno')];
    const { group_id: id } = await me.createChat('Garden', ['bruno']);
    const description = '**Plants** and <b>seeds</b>\n\n- see [the plan](https://example.com/plan)\n- `every` Sunday';
    await me.groups.change(id, { description });
    await bruno.send(id, 'Buy **roses**\n\nand tulips');
    const page = await ana();
    await openGroup(page, 'Garden');
    await waitForMessage(page, 'roses');
    const brief = page.locator('#conversation > header .description');
    expect(await brief.locator('strong').innerText()).to.equal('Plants');
    expect(await brief.innerText()).to.contain('<b>seeds</b>');
    expect(await brief.getByRole('link').getAttribute('href')).to.equal('https://example.com/plan');
    expect(await brief.evaluate((one) => one.getBoundingClientRect().height)).to.be.below(24);
    await expectAccessible(page, 'chat-description');
    await expectFits(page, 'chat-description');

    await page.locator('.message', { hasText: 'roses' }).hover();
    await page.getByRole('button', { name: 'Delete the message "Buy roses and tulips"' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.locator('.quoted').innerText()).to.match(/^bruno\s+Buy roses and tulips$/);
    await expectAccessible(page, 'chat-delete-message');
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: '2 members' }).click();
    await dialog.locator('.description strong', { hasText: 'Plants' }).waitFor();
    await expectAccessible(page, 'chat-members-description');
    await dialog.getByRole('button', { name: 'Leave group' }).click();
    await dialog.getByText('Anyone who knows its name can join, so you can come back.').waitFor();
    expect(await dialog.getByText('add you back').count()).to.equal(0);
    await expectAccessible(page, 'chat-leave');
  });
});
