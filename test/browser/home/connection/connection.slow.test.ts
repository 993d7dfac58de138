import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
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

  it('stops calling a node that its policy blocks because the node has joined after the page was loaded', async () => {
    await newGroup();
    const page = await ana();
    const joined = 'http://127.0.0.1:9';
    await page.route('**/cluster', async (route) => {
      const response = await route.fetch();
      const { nodes, ...rest } = await response.json();
      await route.fulfill({
        response,
        json: { ...rest, nodes: [...nodes, { ...nodes[0], node: 'joined', url: joined }] },
      });
    });
    let blocked = 0;
    page.on('console', (message) => {
      if (message.text().includes(joined)) blocked += 1;
    });
    await page.reload();
    const poll = async () => {
      const response = page.waitForResponse(`${use.first.url}/health`, { timeout: 15_000 });
      await page.evaluate(() => dispatchEvent(new Event('online')));
      await response;
    };
    await eventually('the policy blocks a call of the node', async () => blocked > 0);
    await poll();
    const before = blocked;
    for (let polls = 0; polls < 4; polls++) await poll();
    expect(blocked).to.equal(before);
    expect(use.browser.problems(/127\.0\.0\.1:9\b/)).to.deep.equal([]);
  });
});
