import { expect } from 'chai';
import { ChatClient } from '../../../../src/client/index.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { openGroup, untilActiveNodeIsShown } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

describe('Invitations on the chat page', function () {
  this.timeout(180_000);
  const use = useBrowserCluster();

  expectNoProblems(use);

  it('are copied in the settings, which say who can join', async () => {
    const ana = new ChatClient({ urls: [use.first.url] });
    await ana.login('ana');
    await ana.createChat('Copied');
    const page = await use.browser.signIn(use.first.url, 'ana', {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('dialog').getByText('Anyone who knows the name can join.').waitFor();
    await page.keyboard.press('Escape');
    await openGroup(page, 'Copied');
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('dialog').getByText('Anyone who knows the name can join.').waitFor();
    await page.getByRole('button', { name: 'Create invitation link' }).click();
    const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).to.equal(link);
    await expectAccessible(page, 'chat-invitation');
  });

  it('tell a visitor who is not signed in what they are for, and are accepted after the sign-in', async () => {
    const ana = new ChatClient({ urls: [use.first.url] });
    await ana.login('ana');
    const { group_id } = await ana.createChat('Clube & amigos');
    const { token } = await ana.groups.invite(group_id);
    // An older link has a name, which may be any: the cluster says the true one.
    const hash = `#invitation-${token}/${encodeURIComponent('Bank of Trust')}`;
    const page = await use.browser.open(use.first.url, {}, `/home${hash}`);
    await page.getByText('You are invited to “Clube & amigos”. Sign in to join.').waitFor();
    expect(await page.getByText('Bank of Trust').count()).to.equal(0);
    await expectAccessible(page, 'chat-invited');
    await untilActiveNodeIsShown(page);
    await page.getByRole('textbox', { name: 'Name' }).fill('bruno');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.getByRole('heading', { name: 'Clube & amigos' }).waitFor();
    await page.getByText('You joined Clube & amigos.').waitFor();
  });

  it('are withdrawn in the settings, and then add no member and create no account', async () => {
    const ana = new ChatClient({ urls: [use.first.url] });
    await ana.login('ana');
    const { group_id: id } = await ana.createChat('Withdrawn');
    const { token } = await ana.groups.invite(id);
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'Withdrawn');
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByText('1 open invitation').click();
    await expectAccessible(page, 'chat-open-invitations');
    // Opened while it was in force.
    const early = await use.browser.open(use.first.url, {}, `/home#invitation-${token}`);
    await early.getByText('You are invited to “Withdrawn”.').waitFor();
    await page.getByRole('button', { name: 'Withdraw' }).click();
    await page.getByText('1 open invitation').waitFor({ state: 'detached' });
    await early.locator('#username').fill('zoe');
    await early.keyboard.press('Enter');
    const refusal = (on: typeof page) => on.getByText('This invitation has expired or was withdrawn.').waitFor();
    await refusal(early);
    const late = await use.browser.open(use.second.url, { locale: 'pt-BR' }, `/home#invitation-${token}/Withdrawn`);
    await late.getByText('Este convite expirou ou foi cancelado. Peça um novo.').waitFor();
    expect(await late.getByText('Withdrawn').count()).to.equal(0);
    await expectAccessible(late, 'chat-invitation-refused');
    expect(await ana.users('zoe')).to.deep.equal([]);
    expect(use.browser.problems(/status of 404/)).to.deep.equal([]);
  });
});
