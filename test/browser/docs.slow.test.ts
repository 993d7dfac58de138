import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../src/client/index.ts';
import { eventually } from '../support/eventually.ts';
import { expectNoProblems, useBrowserCluster } from './browser-cluster.ts';
import { NODE_IS_DOWN } from './chat-browser.ts';
import { expectAccessible, overflow } from './page-checks.ts';

describe('The documentation page', function () {
  this.timeout(180_000);
  const use = useBrowserCluster({ demoData: true });

  expectNoProblems(use, NODE_IS_DOWN);

  /** Opens the form of an operation. */
  async function formOf(page: Page, operationId: string) {
    const section = page.locator(`#${operationId}`);
    await section.getByText('Try it').click();
    return section;
  }

  it('is accessible in both themes, on a phone too', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    await page.getByRole('heading', { name: 'Event kinds' }).waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overflow(page), 'no horizontal scrolling on a phone').to.be.at.most(0);
    // Every section has the same parts, and axe takes a minute for all of them.
    await page.getByLabel('Filter').fill('post /messages');
    await page.locator('#postMessages summary').first().click();
    await expectAccessible(page, 'docs-phone');
    await page.setViewportSize({ width: 1280, height: 800 });
    await expectAccessible(page, 'docs');
  });

  it('filters the operations and event kinds by words, and hides the parts without any', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    await page.keyboard.press('/');
    await page.keyboard.type('search messages');
    await page.locator('#getSearch').waitFor();
    await page.locator('#postLogin').waitFor({ state: 'hidden' });
    await page.getByRole('heading', { name: 'Sign in' }).first().waitFor({ state: 'hidden' });
    await page.getByRole('heading', { name: 'Cursors' }).waitFor({ state: 'hidden' });
    expect(await page.locator('#matches').textContent()).to.match(/^\d+ of \d+ shown$/);
    await page.getByLabel('Filter').fill('presence typing');
    await page.getByRole('heading', { name: 'Signals' }).waitFor();
    await page.getByLabel('Filter').fill('');
    await page.locator('#postLogin').waitFor();
    await page.getByRole('heading', { name: 'Cursors' }).waitFor();
  });

  it('says when the filter finds nothing, and then shows no headings or links', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    await page.getByRole('heading', { name: 'Event kinds' }).waitFor();
    await page.getByLabel('Filter').fill('zzzz');
    await page.getByRole('heading', { name: 'Event kinds' }).waitFor({ state: 'hidden' });
    expect(await page.locator('#matches').textContent()).to.equal('Nothing found.');
    expect(await page.locator('main :is(h2, h3)').filter({ visible: true }).allInnerTexts()).to.deep.equal([]);
    expect(await page.locator('.contents :is(h2, a)').filter({ visible: true }).allInnerTexts()).to.deep.equal([]);
  });

  it('counts everything that the filter finds, including chapters of the guide', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    await page.getByLabel('Filter').fill('react');
    await page.locator('#best a').first().waitFor();
    const links = await page.locator('#best a').count();
    expect(await page.locator('#matches').textContent()).to.match(new RegExp(`^${links} of \\d+ shown$`));
  });

  it('asks before it sends a request that cannot be undone', async () => {
    const client = new ChatClient({ urls: [use.first.url] });
    const { user_id: userId } = await client.login('curious');
    const page = await use.browser.open(use.first.url, {}, '/docs');
    const section = await formOf(page, 'postDeleteAccount');
    await section.locator('textarea').fill(JSON.stringify({ userId }));
    const questions: string[] = [];
    page.on('dialog', (dialog) => {
      questions.push(dialog.message());
      void (questions.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    const send = section.getByRole('button', { name: 'Send POST /delete-account' });
    await send.click();
    expect(await client.users('curious')).to.have.length(1);
    expect(questions).to.have.length(1);
    await send.click();
    await section.locator('.result', { hasText: 'account deleted' }).waitFor();
  });

  it('has a command line with the address of the node, and an example of the response', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    const section = page.locator('#postMessages');
    expect(await section.locator('.curl code').textContent()).to.include(`'${use.first.url}/messages'`);
    await section.getByText('Response 200').click();
    expect(JSON.parse((await section.locator('.example pre').textContent()) ?? '')).to.include.keys(
      'message_id',
      'cursor',
    );
  });

  it('sends a request with the session of the chat page, from a standby to the active node', async () => {
    const page = await use.browser.signIn(use.second.url, 'ana_orm');
    await page.goto(`${use.second.url}/docs`);
    await page.getByText('You are signed in as ana_orm (user 1)').waitFor();
    const section = await formOf(page, 'postMessages');
    const body = JSON.parse(await section.locator('textarea').inputValue());
    expect(body.userId ?? 1).to.equal(1);
    await section.locator('textarea').fill(JSON.stringify({ userId: 1, groupId: 1, content: 'da documentação' }));
    await section.getByRole('button', { name: 'Send' }).click();
    await section.getByText('This node is a standby. The request was sent to the active node').waitFor();
    await section.locator('.result', { hasText: '"message": "message sent"' }).waitFor();
    const history = await formOf(page, 'getMessages');
    await history.getByLabel('groupId *').fill('1');
    await history.getByRole('button', { name: 'Send' }).click();
    await history.getByText('da documentação').waitFor();
  });

  it('fills in a message of the user instead of the example, and the newest one after the user sends it', async () => {
    const page = await use.browser.signIn(use.first.url, 'bruno_orm');
    await page.goto(`${use.first.url}/docs`);
    await page.getByText('Messages are filled in with the last one that you sent there').waitFor();
    const edit = await formOf(page, 'patchMessages');
    const remove = await formOf(page, 'deleteMessages');
    const filledIn = async () => [
      JSON.parse(await edit.locator('textarea').inputValue()).messageId,
      Number(await remove.getByLabel('messageId *').inputValue()),
    ];
    await eventually('the last one is filled in', async () => (await filledIn()).every((id) => id === 2));
    const send = await formOf(page, 'postMessages');
    await send.getByRole('button', { name: 'Send' }).click();
    const sent = await send.locator('.result', { hasText: 'message_id' }).innerText();
    const id = Number(/"message_id": (\d+)/.exec(sent)?.[1]);
    await eventually('the new one is filled in', async () => (await filledIn()).every((one) => one === id));
    await edit.getByRole('button', { name: 'Send' }).click();
    await edit.locator('.result', { hasText: 'message edited' }).waitFor();
  });

  it('fills in no message, and does not claim that it did, for a user who has sent none to the chat', async () => {
    const clara = new ChatClient({ urls: [use.first.url] });
    await clara.login('clara');
    await clara.join(1);
    const page = await use.browser.signIn(use.first.url, 'clara');
    const read = page.waitForResponse((response) => response.url().includes('/messages?groupId=1'));
    await page.goto(`${use.first.url}/docs`);
    await page.getByText('Groups are filled in with your chat “Grupo Geral” (1).').waitFor();
    await read;
    const edit = await formOf(page, 'patchMessages');
    expect(JSON.parse(await edit.locator('textarea').inputValue()).messageId).to.equal('');
    expect(await page.getByText('the last one that you sent there').count()).to.equal(0);
  });

  it('fills in no message for a user without any', async () => {
    const page = await use.browser.signIn(use.first.url, 'silent');
    await page.goto(`${use.first.url}/docs`);
    await page.getByText('You have no chats yet').waitFor();
    const edit = await formOf(page, 'patchMessages');
    expect(JSON.parse(await edit.locator('textarea').inputValue()).messageId).to.equal('');
  });

  it('shows a stream as it arrives', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    const section = await formOf(page, 'getEvents');
    await section.getByLabel('userId').fill('1');
    await section.getByRole('button', { name: 'Send' }).click();
    await section.locator('.result', { hasText: 'text/event-stream' }).waitFor();
    await fetch(`${use.first.url}/notify/all`, { method: 'POST' });
    await section.locator('.result', { hasText: 'event: broadcast' }).waitFor();
  });

  it('ends a stream or a poll that is stopped, keeps what it received, and sends again', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    for (const [operation, wait] of [
      ['getEvents', 'text/event-stream'] as const,
      ['getSubscribeUser', 'Waiting'] as const,
    ]) {
      const section = await formOf(page, operation);
      const stop = section.getByRole('button', { name: 'Stop' });
      expect(await stop.count(), 'nothing to stop').to.equal(0);
      await section
        .getByLabel(/^user_?id/i)
        .first()
        .fill('1');
      for (let round = 1; round <= 2; round += 1) {
        await section.getByRole('button', { name: 'Send' }).click();
        await section.locator('.result', { hasText: wait }).waitFor();
        await stop.click();
        await section.locator('.result', { hasText: /Stopped\.$/ }).waitFor();
        await stop.waitFor({ state: 'hidden' });
        await section.getByRole('button', { name: 'Send' }).and(page.locator(':focus')).waitFor();
      }
    }
    await page.locator('#getEvents .result', { hasText: 'text/event-stream' }).waitFor();
  });

  it('selects a command that the browser does not let it copy', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));
    });
    const line = page.locator('#getChats .curl');
    await line.getByRole('button', { name: 'Copy' }).click();
    expect(await page.evaluate(() => getSelection()?.toString())).to.equal(await line.locator('code').textContent());
  });

  it('has a command line with the values of the form', async () => {
    const page = await use.browser.signIn(use.first.url, 'bruno_orm');
    await page.goto(`${use.first.url}/docs`);
    await page.getByText('Messages are filled in with the last one that you sent there').waitFor();
    const command = (operation: string) => page.locator(`#${operation} .curl code`).textContent();
    expect(await command('getChats')).to.equal(`curl '${use.first.url}/chats?userId=2'`);
    const send = await formOf(page, 'postMessages');
    await send.locator('textarea').fill(JSON.stringify({ userId: 2, groupId: 77, content: "it's me" }, null, 1));
    expect(await command('postMessages')).to.match(
      /^curl -X POST -H "Idempotency-Key: \$\(date .*\)-\$RANDOM" -H 'Content-Type: application\/json' -d '\{"userId":2,"groupId":77,"content":"it'\\''s me"\}' '.*\/messages'$/,
    );
    const history = await formOf(page, 'getMessages');
    await history.getByLabel('groupId *').fill('77');
    await history.getByLabel('limit').fill('5');
    expect(await command('getMessages')).to.match(/\/messages\?(?=.*groupId=77)(?=.*limit=5)/);
  });

  it('finds parts by Portuguese words where its own texts are Portuguese, and says that the others are English', async () => {
    const page = await use.browser.open(use.first.url, { locale: 'pt-BR' }, '/docs');
    const filter = page.getByLabel('Filtrar');
    for (const [words, section] of [
      ['enviar mensagem', 'POST /messages'] as const,
      ['Sair', 'POST /logout'] as const,
    ]) {
      await filter.fill(words);
      await page.locator('#best li').first().filter({ hasText: section }).waitFor();
    }
    await filter.fill('saudade');
    await page.getByText('Nada encontrado. As descrições estão em inglês').waitFor();
  });

  it('has its own texts in the language of the browser or of the switch, and says that the descriptions are English', async () => {
    const page = await use.browser.open(use.first.url, { locale: 'pt-BR' }, '/docs');
    await page.getByText('As descrições da API estão em inglês.').waitFor();
    await page.getByLabel('Filtrar').fill('post /messages');
    await page.getByRole('heading', { name: 'Mensagens' }).first().waitFor();
    const section = page.locator('#postMessages');
    await section.getByText('Experimentar').click();
    await section.getByRole('button', { name: 'Enviar POST /messages' }).waitFor();
    await section.getByText('Resposta 200').waitFor();
    await page.getByRole('combobox', { name: 'Idioma' }).selectOption('English');
    await section.getByRole('button', { name: 'Send POST /messages' }).waitFor();
    expect(await page.getByText('estão em inglês').isVisible()).to.equal(false);
    expect(await page.locator('#matches').textContent()).to.match(/^\d+ of \d+ shown$/);
  });

  it('links to the chat and to the cluster page, which link back', async () => {
    const page = await use.browser.open(use.first.url, {}, '/docs');
    const pages = page.getByRole('navigation', { name: 'Pages' });
    await pages.getByRole('link', { name: 'Cluster' }).click();
    await page.getByText(`${use.first.name} has been active for`).waitFor();
    await pages.getByRole('link', { name: 'API documentation' }).click();
    await pages.getByRole('link', { name: 'Chat' }).click();
    await pages.getByRole('link', { name: 'API' }).click();
    await pages.getByRole('link', { name: 'Chat' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });
});
