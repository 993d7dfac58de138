import { expect } from 'chai';
import { messageField, openGroup } from '../../chat-browser.ts';
import { messageOn, useChat } from '../use-chat.ts';

describe('The language of the chat page', function () {
  this.timeout(180_000);
  const { use, clientOf, ana, newGroup } = useChat();

  it('is Portuguese in a Portuguese browser, and English when the user chooses it', async () => {
    const page = await use.browser.open(use.first.url, { locale: 'pt-BR' });
    await page.getByText('Digite qualquer nome. Se for novo, criamos a conta.').waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).to.equal('pt-BR');
    await page.getByRole('combobox', { name: 'Idioma' }).selectOption('English');
    await page.getByText("Enter any name. If it's new, we create the account.").waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('changes its language in place: an open dialog, a draft and every message stay', async () => {
    const { name, id, bruno } = await newGroup();
    const { message_id } = await bruno.send(id, 'a thing');
    await bruno.editMessage(message_id, 'the thing');
    const page = await ana();
    await openGroup(page, name);
    await messageOn(page, 'the thing').getByText('edited').waitFor();
    await messageField(page).fill('a draft');
    await page.getByRole('button', { name: 'Account: ana' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('Português');
    await page.getByRole('dialog', { name: 'Conta' }).getByRole('button', { name: 'Fechar' }).click();
    await messageOn(page, 'the thing').getByText('editada').waitFor();
    expect(await page.getByRole('textbox', { name: 'Mensagem' }).inputValue()).to.equal('a draft');
    expect(await page.evaluate(() => document.documentElement.lang)).to.equal('pt-BR');
  });

  it('determines how numbers are written, and leaves the composer one line high on the smallest phone', async () => {
    const { name } = await newGroup();
    const page = await ana({ viewport: { width: 320, height: 568 } });
    await openGroup(page, name);
    for (const [language, label, excess] of [
      ['en', 'Message', 'Too long by 15,904 characters: a message can have at most 4,096.'],
      ['pt-BR', 'Mensagem', 'A mensagem tem 15.904 caracteres a mais que o limite de 4.096.'],
    ] as const) {
      await page.evaluate((one) => localStorage.setItem('plantao.language', one), language);
      await page.reload();
      const field = page.getByRole('textbox', { name: label, exact: true });
      const height = async () => (await field.boundingBox())?.height;
      const empty = await height();
      await field.fill('y');
      expect(empty, `empty, in ${language}`).to.equal(await height());
      await field.fill('y'.repeat(20_000));
      await page.getByText(excess).waitFor();
      await field.fill('');
    }
  });

  it('translates a notice that is already shown when the user chooses another language', async () => {
    const { id } = await newGroup();
    const page = await ana();
    await page.evaluate((group) => {
      location.hash = `#group-${group}-message-999999`;
    }, id);
    await page.getByText('This message was deleted').waitFor();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await page.locator('#notice', { hasText: 'Esta mensagem foi apagada' }).waitFor();
  });

  it('translates an error that a dialog already shows when the user chooses another language', async () => {
    await clientOf('bruno');
    const page = await ana();
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('bruno');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByText('This name is taken.').waitFor();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await page.getByText('Este nome já está em uso.').waitFor();
    expect(use.browser.problems(/status of 409/)).to.deep.equal([]);
  });

  it('is in English while the texts of another language cannot be loaded', async () => {
    const page = await use.browser.open(use.first.url, { locale: 'pt-BR' });
    await page.getByRole('button', { name: 'Entrar' }).waitFor();
    const texts = '**/assets/home-pt-br.*.js';
    await page.route(texts, (route) => route.abort());
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).to.equal('en');
    await page.unroute(texts);
    await page.reload();
    await page.getByRole('button', { name: 'Entrar' }).waitFor();
    expect(use.browser.problems(/ERR_FAILED/)).to.deep.equal([]);
  });
});
