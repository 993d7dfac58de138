import { expect } from 'chai';
import { messageField, openGroup, waitForMessage, write } from '../../chat-browser.ts';
import { useChat } from '../use-chat.ts';

describe('The connection of the chat page', function () {
  this.timeout(180_000);
  const { use, ana, newGroup } = useChat();

  it('keeps drafts and unsent messages through a reload, and sends the messages when a node is back', async () => {
    const { name, id, bruno } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    let isDown = true;
    await page.route('**/messages', (route) => (isDown ? route.abort() : route.continue()));
    await write(page, 'written while away');
    await page.locator('.sending', { hasText: 'written while away' }).waitFor();
    await messageField(page).fill('a draft');
    await page.reload();
    await page.locator('.sending', { hasText: 'written while away' }).waitFor();
    expect(await messageField(page).inputValue()).to.equal('a draft');
    isDown = false;
    await waitForMessage(page, 'written while away');
    const { messages } = await bruno.messages(id);
    expect(messages.map(({ content }) => content)).to.deep.equal(['written while away']);
    expect(use.browser.problems(/net::ERR_FAILED|CORS|status of 503/)).to.deep.equal([]);
  });

  it('says that the connection is slow, not that there is none, while messages go through', async () => {
    const { name } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    await page.evaluate(() => {
      const notices: string[] = [];
      Object.assign(window, { notices });
      const line = document.querySelector('#notice');
      if (line)
        new MutationObserver(() => notices.push(line.textContent ?? '')).observe(line, {
          childList: true,
          characterData: true,
          subtree: true,
        });
    });
    const network = await page.context().newCDPSession(page);
    const conditions = { offline: false, latency: 2500, downloadThroughput: -1, uploadThroughput: -1 };
    await network.send('Network.emulateNetworkConditions', conditions);
    for (const text of ['slow 1', 'slow 2']) await write(page, text);
    await page.getByRole('status').filter({ hasText: 'Slow connection' }).waitFor();
    for (const text of ['slow 1', 'slow 2']) await waitForMessage(page, text);
    const notices = await page.evaluate(() => (window as unknown as { notices: string[] }).notices);
    expect(notices.join('\n')).to.not.match(/connect\. Retrying|unreachable|Waiting/);
  });

  it('opens without a network with the messages that were loaded before, and sends new ones when the network is back', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'read before');
    const page = await ana({ serviceWorkers: 'allow' });
    await openGroup(page, name);
    await waitForMessage(page, 'read before');
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await page.reload();
    await waitForMessage(page, 'read before');
    await page.context().setOffline(true);
    await page.reload();
    await waitForMessage(page, 'read before');
    await write(page, 'written offline');
    await page.locator('.sending', { hasText: 'written offline' }).waitFor();
    await page.getByRole('status').filter({ hasText: "Can't connect" }).waitFor();
    await page.context().setOffline(false);
    await waitForMessage(page, 'written offline');
    expect(use.browser.problems(/ERR_INTERNET_DISCONNECTED/)).to.deep.equal([]);
  });
});
