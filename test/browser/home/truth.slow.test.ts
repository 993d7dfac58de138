import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../src/client/index.ts';
import { useBrowserCluster } from '../browser-cluster.ts';
import { openGroup, waitForMessage } from '../chat-browser.ts';
import { expectAccessible, overflow } from '../page-checks.ts';

/** The console error of a request that the node has refused. */
const REFUSED = /status of 40[01]/;

describe('The chat page', function () {
  this.timeout(240_000);
  const use = useBrowserCluster();

  afterEach('no page has reported a problem', async () => {
    await use.browser?.closePages();
    expect(use.browser?.problems(REFUSED) ?? []).to.deep.equal([]);
  });

  const signedIn = async (name: string) => {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login(name);
    return client;
  };
  const widths = async (page: Page, state: string) => {
    for (const width of [320, 820, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await overflow(page), `${state} at ${width} px`).to.be.at.most(0);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `.screenshots/${state}-${width}.png` });
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  };

  it('says before the sign-in and in the account what an account without a password means, and offers to set one', async () => {
    const page = await use.browser.signIn(use.first.url, 'olga');
    await page.getByRole('button', { name: 'Account: olga' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('anyone who enters the name “olga” signs in as you').waitFor();
    await expectAccessible(page, 'chat-no-password');
    await widths(page, 'chat-no-password');
    await dialog.getByLabel('New password').fill('short');
    await dialog.getByRole('button', { name: 'Set password' }).click();
    await dialog.getByText('Choose a password of at least 8 characters.').waitFor();
    await dialog.getByLabel('New password').fill('correct horse');
    await page.keyboard.press('Enter');
    await dialog.getByText('Your password was set. Signing in under your name now requires it.').waitFor();
    await dialog.getByLabel('Current password').waitFor();
    expect(await dialog.getByText('has no password').count()).to.equal(0);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('Without a password, anyone can sign in under that name.').waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('olga');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Wrong name or password.').waitFor();
    await page.locator('#password').fill('correct horse');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });

  it('says in Portuguese too what an account without a password means, and sets one', async () => {
    const page = await use.browser.open(use.first.url, { locale: 'pt-BR' });
    await page.getByText('Sem senha, qualquer pessoa pode entrar com esse nome.').waitFor();
    await page.locator('#nodes .active').first().waitFor();
    await page.locator('#username').fill('otto');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Conta: otto' }).click();
    await page.getByText('Sua conta não tem senha: quem digitar o nome “otto” entra como você').waitFor();
    await page.getByLabel('Nova senha').fill('correct horse');
    await page.getByRole('button', { name: 'Definir senha' }).click();
    await page.getByText('Sua senha foi definida. Para entrar com seu nome, agora é preciso digitá-la.').waitFor();
  });

  it('says what leaving a group means, whose message is to be deleted, and what a group is about', async () => {
    const [ana, bruno] = [await signedIn('ana'), await signedIn('bruno')];
    const { group_id: id } = await ana.createChat('Garden', ['bruno']);
    const description = '**Plants** and <b>seeds</b>\n\n- see [the plan](https://example.com/plan)\n- `every` Sunday';
    await ana.groups.change(id, { description });
    await bruno.send(id, 'Buy **roses**\n\nand tulips');
    const page = await use.browser.signIn(use.first.url, 'ana');
    await openGroup(page, 'Garden');
    await waitForMessage(page, 'roses');
    const brief = page.locator('#conversation > header .description');
    expect(await brief.locator('strong').innerText()).to.equal('Plants');
    expect(await brief.innerText()).to.contain('<b>seeds</b>');
    expect(await brief.getByRole('link').getAttribute('href')).to.equal('https://example.com/plan');
    expect(await brief.evaluate((one) => one.getBoundingClientRect().height)).to.be.below(24);
    await expectAccessible(page, 'chat-description');
    await widths(page, 'chat-description');

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
    await dialog.getByText('Anyone who knows its name can join again, and so can you.').waitFor();
    expect(await dialog.getByText('add you back').count()).to.equal(0);
    await expectAccessible(page, 'chat-leave');
  });
});
