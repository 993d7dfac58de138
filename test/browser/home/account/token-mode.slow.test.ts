import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../../src/client/index.ts';
import { useBrowserCluster } from '../../browser-cluster.ts';
import { openGroup, untilActiveNodeIsShown } from '../../chat-browser.ts';

describe('The chat page with AUTH=token', function () {
  this.timeout(120_000);
  const use = useBrowserCluster({
    env: { AUTH: 'token', ADMIN_TOKEN: 'only-for-this-test-0123456789abcdef' },
  });

  async function register(page: Page, name: string): Promise<void> {
    await untilActiveNodeIsShown(page);
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByLabel('Password').fill(`${name} has a password`);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  }

  async function signIn(name: string): Promise<ChatClient> {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login(name, `${name} has a password`);
    return client;
  }

  async function changePassword(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name: `Account: ${name}` }).click();
    await fillPasswords(page, name);
  }

  async function fillPasswords(page: Page, name: string): Promise<void> {
    await page.getByLabel('Current password').fill(`${name} has a password`);
    await page.getByLabel('New password').fill(`${name} has another one`);
    await page.keyboard.press('Enter');
    await page.getByText('Your password was changed. Other devices were signed out.').waitFor();
  }

  /** Holds the response to a request that revokes the token back until a poll was refused. */
  async function respondAfterRefusal(page: Page, path: string): Promise<void> {
    await page.route(path, async (route) => {
      const refused = page.waitForResponse((response) => response.status() === 401);
      const response = await route.fetch();
      await refused;
      await route.fulfill({ response });
    });
  }

  it('requires a password, and does not offer an account for a name alone', async () => {
    const page = await use.browser.open(use.first.url);
    await page.getByText('Choose both, then register').waitFor();
    expect(await page.getByText('Enter any name').isVisible()).to.equal(false);
    await page.getByRole('textbox', { name: 'Name' }).fill('ana');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByLabel('Password').evaluate((field) => field.matches(':invalid'))).to.equal(true);
    expect(use.browser.problems()).to.deep.equal([]);
  });

  it('does not offer joining by name, which would create a second group; a member adds users instead', async () => {
    const ana = await use.browser.open(use.first.url);
    await register(ana, 'ana');
    const bruno = await use.browser.open(use.second.url);
    await register(bruno, 'bruno');
    await bruno.getByRole('button', { name: 'Use an invitation link' }).waitFor();
    expect(await bruno.getByRole('button', { name: 'Join a group' }).count()).to.equal(0);
    await ana.getByRole('button', { name: 'New group' }).click();
    await ana.getByRole('textbox', { name: 'Group name' }).fill('Equipe');
    await ana.getByRole('button', { name: 'Create' }).click();
    await ana.getByRole('button', { name: '1 member' }).click();
    await ana.getByRole('combobox', { name: 'Add a member' }).fill('bruno');
    await ana.getByRole('option', { name: 'bruno' }).click();
    await bruno.getByRole('link', { name: 'Equipe' }).waitFor();
    expect(use.browser.problems()).to.deep.equal([]);
  });

  it('keeps the device on which the password is changed signed in, even if its poll is refused first', async () => {
    const page = await use.browser.open(use.second.url);
    await register(page, 'rita');
    await respondAfterRefusal(page, '**/password');
    await changePassword(page, 'rita');
    expect(await page.getByText('Your session has expired.').count()).to.equal(0);
    await page.unrouteAll();
    expect(use.browser.problems(/status of 401/)).to.deep.equal([]);
  });

  it('keeps the tab in which the password is changed signed in, and the other one after a reload', async () => {
    const page = await use.browser.open(use.second.url);
    await register(page, 'tina');
    const beside = await use.browser.openBeside(page, use.second.url);
    await beside.getByRole('button', { name: 'Sign out' }).waitFor();
    await changePassword(beside, 'tina');
    await page.getByText('Your session has expired.').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await beside.reload();
    await beside.getByRole('button', { name: 'Account: tina' }).waitFor();
    expect(use.browser.problems(/status of 401/)).to.deep.equal([]);
  });

  it('lists the devices that are signed in: also after one of them has signed out, and after a new password', async () => {
    const page = await use.browser.open(use.second.url);
    await register(page, 'vera');
    const other = await signIn('vera');
    await signIn('vera');
    await page.getByRole('button', { name: 'Account: vera' }).click();
    await page.getByText('3 signed-in devices').click();
    await other.logout();
    // The newest first, this device last: the second is the one that has signed out.
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).nth(1).click();
    await page.getByText('2 signed-in devices').waitFor();
    await fillPasswords(page, 'vera');
    await page.getByText('1 signed-in device', { exact: true }).waitFor();
    expect(use.browser.problems(/status of 40[14]/)).to.deep.equal([]);
  });

  it('keeps nothing of an account on the device that deletes it, even if its poll is refused first', async () => {
    const page = await use.browser.open(use.second.url);
    await register(page, 'gone');
    await respondAfterRefusal(page, '**/delete-account');
    await page.getByRole('button', { name: 'Account: gone' }).click();
    await page.getByRole('button', { name: 'Delete account' }).click();
    await page.getByLabel('Password').fill('gone has a password');
    await page.getByRole('button', { name: 'Delete account' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.getByText('Your session has expired.').count()).to.equal(0);
    const kept = await page.evaluate(() =>
      Object.keys(localStorage).filter((key) => /^plantao\.[a-z]+\.\d+\./.test(key)),
    );
    expect(kept).to.deep.equal([]);
    await page.unrouteAll();
    expect(use.browser.problems(/status of 401/)).to.deep.equal([]);
  });

  it('says before a user leaves how to come back: as the last member, only with a link', async () => {
    const page = await use.browser.open(use.first.url);
    await register(page, 'lea');
    const other = await use.browser.open(use.first.url);
    await register(other, 'max');
    await page.getByRole('button', { name: 'New group' }).click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('Leaving');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('You created the group.').waitFor();
    const ask = async () => {
      await page.getByRole('button', { name: 'Group settings' }).click();
      await page.getByRole('button', { name: 'Leave group' }).click();
      return page.getByRole('dialog', { name: 'Leave Leaving?' });
    };
    const last = 'You are the last member: without an invitation link, no one can join again.';
    await (await ask()).getByText(last).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '1 member' }).click();
    await page.getByRole('combobox', { name: 'Add a member' }).fill('max');
    await page.getByRole('option', { name: 'max' }).click();
    await page.getByRole('dialog').getByText('max').waitFor();
    await page.keyboard.press('Escape');
    const question = await ask();
    await question.getByText('An owner or admin can add you back, and an invitation link lets you in again.').waitFor();
    expect(await question.getByText('the last member').count()).to.equal(0);
    await question.getByRole('button', { name: 'Leave', exact: true }).click();
    await page.getByRole('link', { name: 'Leaving' }).waitFor({ state: 'detached' });
    await openGroup(other, 'Leaving');
    await other.getByText('lea left.').waitFor();
    await other.getByRole('button', { name: 'Group settings' }).click();
    await other.getByRole('button', { name: 'Leave group' }).click();
    await other.getByText(last).waitFor();
    expect(use.browser.problems()).to.deep.equal([]);
  });

  for (const years of [-10, 10]) {
    it(`keeps the session of a device whose clock is wrong by ${years} years`, async () => {
      const page = await use.browser.open(use.first.url);
      await page.clock.setFixedTime(Date.now() + years * 365 * 86_400_000);
      await page.reload();
      await register(page, `clock ${years}`);
      await page.reload();
      await page.getByRole('button', { name: `Account: clock ${years}` }).click();
      await page.getByText('1 signed-in device').click();
      await page.getByRole('listitem').filter({ hasText: 'Chrome on Linux (this device)' }).waitFor();
      expect(use.browser.problems()).to.deep.equal([]);
    });
  }
});
