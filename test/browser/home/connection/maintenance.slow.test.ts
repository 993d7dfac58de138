import { expect } from 'chai';
import pg from 'pg';
import { ChatClient } from '../../../../src/client/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { useBrowserCluster } from '../../browser-cluster.ts';
import { NODE_IS_DOWN, untilActiveNodeIsShown, waitForMessage, write } from '../../chat-browser.ts';
import { expectAccessible } from '../../page-checks.ts';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'pt-BR' };

describe('The chat page during maintenance', function () {
  this.timeout(240_000);
  const used = useBrowserCluster();

  it('says in plain words until when the chat is paused, and sends the waiting messages afterwards', async () => {
    const { browser, database, first, second } = used;
    const ana = new ChatClient({ urls: [first.url] });
    await ana.login('ana_orm');
    await ana.createChat('Ops', []);
    const dba = new pg.Client({ connectionString: database.url });
    await dba.connect();
    try {
      const pages = [
        { page: await browser.signIn(first.url, 'ana_orm'), notice: 'The chat is paused for maintenance until' },
        { page: await browser.open(second.url, PHONE), notice: 'O chat está em manutenção até' },
      ] as const;
      const [{ page: desktop }, { page: phone }] = pages;
      await untilActiveNodeIsShown(phone);
      await phone.getByRole('textbox', { name: 'Nome' }).fill('ana_orm');
      await phone.getByRole('button', { name: 'Entrar' }).click();
      for (const { page } of pages) await page.locator('nav').getByRole('link', { name: 'Ops' }).first().click();

      await dba.query("SELECT plantao.pause('1 hour', 'new kernel')");
      for (const { url } of [first, second]) {
        await eventually(`${url} knows of the pause`, async () => {
          const { body } = await get<{ paused_until: string | null }>(`${url}/health`);
          return body.paused_until !== null && Date.parse(body.paused_until) > Date.now();
        });
      }
      await post(`${first.url}/fall`);
      const isNamed = /\d\d:\d\d/;
      for (const { page, notice } of pages) {
        await page.getByRole('status').filter({ hasText: notice }).filter({ hasText: isNamed }).waitFor();
      }
      const notices = await Promise.all(pages.map(({ page }) => page.locator('#notice').textContent()));
      expect(notices[0]).to.match(/until .*\d\d:\d\d\. You can read, and messages you send wait here\.$/);
      expect(notices[1]).to.match(/até .*\d\d:\d\d\. Você pode ler, e suas mensagens aguardam aqui\.$/);
      expect(await desktop.locator('#nodes').textContent()).to.contain(`${first.name}: maintenance`);
      expect(await phone.locator('#nodes').textContent()).to.contain(`${first.name}: em manutenção`);
      await write(desktop, 'written during the pause');
      const sending = desktop.locator('.message.sending', { hasText: 'written during the pause' });
      await sending.getByText('waiting for the service').waitFor();
      await desktop.locator('#groups .state', { hasText: 'waiting' }).waitFor();
      await expectAccessible(desktop, 'maintenance');
      await expectAccessible(phone, 'maintenance-phone-pt');

      await post(`${second.url}/fall`);
      await desktop.getByText(/paused for maintenance until .*\d\d:\d\d\. Messages you send wait here\.$/).waitFor();
      await phone.getByText(/em manutenção até .*\d\d:\d\d\. Suas mensagens aguardam aqui\.$/).waitFor();

      await post(`${first.url}/revive`);
      await post(`${second.url}/revive`);
      await dba.query('SELECT plantao.resume()');
      for (const { page } of pages) await waitForMessage(page, 'written during the pause');
      await desktop.getByText(`${first.name}: active`).waitFor();
      expect(browser.problems(NODE_IS_DOWN)).to.deep.equal([]);
    } finally {
      await dba.end();
    }
  });
});
