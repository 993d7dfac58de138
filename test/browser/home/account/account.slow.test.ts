import { expect } from 'chai';
import { openGroup, untilActiveNodeIsShown } from '../../chat-browser.ts';
import { expectAccessible, expectFits } from '../../page-checks.ts';
import { useChat } from '../use-chat.ts';

describe('The account on the chat page', function () {
  this.timeout(240_000);
  const { use, clientOf, ana, newGroup } = useChat(/status of 40[01]/);

  it('does not show the group of one user to the next', async () => {
    const { name } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('visitor');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText("You aren't in any chat yet.").waitFor();
  });

  it('shows a deleted account as deleted wherever its name appeared, live and after a reload', async () => {
    const [me, gone] = [await clientOf('ana'), await clientOf('Gone')];
    await clientOf('bruno');
    const { group_id: id } = await gone.createChat('With a gone user', ['ana', 'bruno']);
    const { message_id: first } = await gone.send(id, 'a message that stays');
    await me.send(id, 'a reply', { replyTo: first });
    const direct = await gone.openDirect(me.userId ?? 0);
    await gone.send(direct.group_id, 'between us');
    const page = await ana();
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
    await page.getByRole('option', { name: /(?<!Deleted account, )Deleted account, (?!Deleted)/ }).click();
    await page.getByRole('heading', { name: 'Deleted account' }).waitFor();
    await page.locator('.message', { hasText: 'between us' }).waitFor();
    await openGroup(page, 'With a gone user');
    await page.locator('.message', { hasText: 'that stays' }).first().focus();
    await page.keyboard.press('r');
    await page.getByText('Replying to Deleted account').waitFor();
    await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
    await page.reload();
    await page.locator('#groups').getByRole('link', { name: 'With a gone user' }).click();
    await isShown('Conta excluída');
  });

  it('shows that a password is being set, and says before a deletion what becomes of the messages', async () => {
    const page = await use.browser.signIn(use.first.url, 'paula');
    await page.getByRole('button', { name: 'Account: paula' }).click();
    const dialog = page.getByRole('dialog');
    let release = () => {};
    await page.route('**/password', async (route) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      await route.continue();
    });
    await dialog.getByLabel('New password').fill('correct horse');
    const set = dialog.getByRole('button', { name: 'Set password' });
    await set.click();
    await set.locator('.spinner').waitFor();
    expect(await set.isDisabled()).to.equal(true);
    await dialog.getByLabel('New password').press('Enter');
    await expectAccessible(page, 'chat-password-at-work');
    release();
    await dialog.getByText('Your password was set.').waitFor();
    await dialog.getByRole('button', { name: 'Change' }).waitFor();
    await dialog.getByRole('button', { name: 'Delete account' }).click();
    const stay = dialog.getByText('Your messages stay in the chats, under the name “Deleted account”.');
    await stay.waitFor();
    await expectAccessible(page, 'chat-delete-account');
    await expectFits(page, 'chat-delete-account');
    await dialog.getByLabel('Delete my messages too').check();
    await dialog.getByText('Your messages are deleted for everyone, in all chats.').waitFor();
    expect(await stay.count()).to.equal(0);
    await expectAccessible(page, 'chat-delete-account-erase');
  });

  it('says before the sign-in and in the account what an account without a password means, and offers to set one', async () => {
    const page = await use.browser.signIn(use.first.url, 'olga');
    await page.getByRole('button', { name: 'Account: olga' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('anyone who enters the name “olga” signs in as you').waitFor();
    await expectAccessible(page, 'chat-no-password');
    await expectFits(page, 'chat-no-password');
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
    await untilActiveNodeIsShown(page);
    await page.locator('#username').fill('otto');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Conta: otto' }).click();
    await page.getByText('Sua conta não tem senha: quem digitar o nome “otto” entra como você').waitFor();
    await page.getByLabel('Nova senha').fill('correct horse');
    await page.getByRole('button', { name: 'Definir senha' }).click();
    await page.getByText('Sua senha foi definida. Para entrar com seu nome, agora é preciso digitá-la.').waitFor();
  });
});
