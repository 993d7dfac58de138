import { expect } from 'chai';
import { ChatClient } from '../../../../src/client/index.ts';
import { expectNoProblems, useBrowserCluster } from '../../browser-cluster.ts';
import { waitForMessage, write } from '../../chat-browser.ts';

const HAS_LEFT = 'This person has left';

describe('A direct chat on the chat page', function () {
  this.timeout(180_000);
  const used = useBrowserCluster();
  expectNoProblems(used);

  it('says that the other user has left and gets no messages, until that user opens the chat again', async () => {
    const { first, second, browser } = used;
    const client = new ChatClient({ urls: [first.url] });
    const ana = await new ChatClient({ urls: [first.url] }).login('ana');
    const bruno = await client.login('bruno');
    const { group_id } = await client.openDirect(ana.user_id);
    const page = await browser.signIn(second.url, 'ana');
    await page.getByRole('link', { name: 'bruno' }).click();
    await write(page, 'hello');
    await waitForMessage(page, 'hello');
    const notice = page.locator('#typing > span').first();
    await notice.filter({ hasNotText: HAS_LEFT }).waitFor({ state: 'attached' });
    await client.leave(group_id);
    await notice.filter({ hasText: HAS_LEFT }).waitFor();
    await page.setViewportSize({ width: 320, height: 568 });
    expect(await page.locator('#typing').evaluate((line) => line.scrollWidth - line.clientWidth)).to.equal(0);
    await page.evaluate(() => localStorage.setItem('plantao.language', 'pt-BR'));
    await page.reload();
    await notice.filter({ hasText: 'Esta pessoa saiu' }).waitFor();
    expect(await page.locator('#typing').evaluate((line) => line.scrollWidth - line.clientWidth)).to.equal(0);
    await page.evaluate(() => localStorage.setItem('plantao.language', 'en'));
    await page.reload();
    await notice.filter({ hasText: HAS_LEFT }).waitFor();
    await client.openDirect(ana.user_id);
    await notice.filter({ hasNotText: HAS_LEFT }).waitFor({ state: 'attached' });
    await client.send(group_id, `back as ${bruno.username}`);
    await waitForMessage(page, 'back as bruno');
  });
});
