import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { ChatClient } from '../../../src/client/index.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import {
  type ChatBrowser,
  hasChromium,
  messagesOn,
  openGroup,
  startChatBrowser,
  waitForMessage,
  write,
} from '../chat-browser.ts';
import { expectAccessible } from '../page-checks.ts';

/** Opens a group by its name, in any language. */
const openGroupIn = (page: Page, name: string) => page.locator('#groups').getByRole('link', { name }).click();

describe('The chat page, as a user works with it', function () {
  this.timeout(180_000);
  let database: TestDatabase;
  let nodes: TwoNodes;
  let browser: ChatBrowser;
  let groups = 0;

  before('start two nodes and a browser', async function () {
    if (!hasChromium()) return this.skip();
    database = await createDatabase();
    nodes = await startTwoNodes(database.url);
    browser = await startChatBrowser();
  });
  afterEach('no page has reported a problem', async () => {
    await browser?.closePages();
    expect(browser?.problems() ?? []).to.deep.equal([]);
  });
  after('stop the browser and the nodes', async () => {
    await browser?.close();
    await nodes?.stop();
    await database?.drop();
  });

  async function clientOf(username: string): Promise<ChatClient> {
    const client = new ChatClient({ urls: [nodes.active.url] });
    await client.login(username);
    return client;
  }

  /** Creates a group of ana and bruno, and returns its name and bruno's client. */
  async function newGroup(): Promise<{ name: string; id: number; bruno: ChatClient }> {
    await clientOf('ana');
    const bruno = await clientOf('bruno');
    groups += 1;
    const name = `Group ${groups}.`;
    const { group_id: id } = await bruno.createChat(name, ['ana']);
    return { name, id, bruno };
  }

  async function unreadIn(client: ChatClient, group: number): Promise<number | undefined> {
    return (await client.chats()).chats.find(({ id }) => id === group)?.unread;
  }

  const ana = (options = {}) => browser.signIn(nodes.active.url, 'ana', options);
  const message = (page: Page, text: string) => page.locator('.message', { hasText: text });

  it('edits, replies, reacts and mentions, and every member sees it', async () => {
    const { name } = await newGroup();
    const [one, other] = [await ana(), await browser.signIn(nodes.standby.url, 'bruno')];
    for (const page of [one, other]) await openGroup(page, name);
    await write(one, 'first versoin');
    await waitForMessage(other, 'first versoin');
    await one.keyboard.press('ArrowUp');
    await one.getByText('Editing your message').waitFor();
    await write(one, 'first **version**');
    for (const page of [one, other]) await message(page, 'first version').getByText('edited').waitFor();
    expect(await message(other, 'first version').locator('strong').textContent()).to.equal('version');
    await message(other, 'first version').hover();
    await other.getByRole('button', { name: 'Reply' }).click();
    await other.getByRole('textbox', { name: 'Message' }).pressSequentially('yes @an');
    await other.getByRole('option', { name: 'ana' }).waitFor();
    await other.keyboard.press('Enter');
    await other.keyboard.press('Enter');
    await one.locator('.message.mentions-me', { hasText: 'yes @ana' }).locator('.quote').waitFor();
    // A name that is written in full needs no completion: Enter sends.
    await write(other, 'again @ana');
    await waitForMessage(one, 'again @ana');
    await message(one, 'yes @ana').hover();
    await one.getByRole('button', { name: 'React' }).click();
    await one.getByRole('button', { name: '🎉' }).click();
    await other.getByRole('button', { name: '🎉, 1' }).click();
    await one.getByRole('button', { name: '🎉, 2' }).waitFor();
  });

  it('opens a group at the first of many unread messages, counts them in the list, and jumps to the latest', async () => {
    const { name, id, bruno } = await newGroup();
    const me = await clientOf('ana');
    const { message_id } = await bruno.send(id, 'seen');
    await me.markRead(id, message_id);
    for (let index = 0; index < 120; index += 1) await bruno.send(id, `unseen ${index}.`);
    const page = await ana();
    await page.getByRole('link', { name }).getByRole('img', { name: '120 unread' }).waitFor();
    await openGroup(page, name);
    await page.locator('.divider').waitFor();
    await message(page, 'unseen 0.').waitFor();
    expect(await message(page, 'unseen 119.').count()).to.equal(0);
    expect(await message(page, 'unseen 0.').evaluate((line) => line.getBoundingClientRect().top)).to.be.within(0, 600);
    await page.locator('#jump').click();
    await message(page, 'unseen 119.').waitFor();
    await page.getByRole('link', { name }).getByRole('img', { name: 'unread' }).waitFor({ state: 'detached' });
    await eventually('the cluster knows', async () => (await unreadIn(me, id)) === 0);
  });

  it('reports what was read even if the page is closed right after', async () => {
    const { name, id, bruno } = await newGroup();
    const me = await clientOf('ana');
    const page = await ana();
    await page.getByRole('link', { name }).waitFor();
    await bruno.send(id, 'read in passing');
    await page.getByRole('link', { name }).getByRole('img', { name: '1 unread' }).waitFor();
    // The page leaves as soon as the message counts as read: before the pause after which it reports that.
    await page.evaluate((group) => {
      const link = [...document.querySelectorAll<HTMLElement>('nav a')].find((one) => one.textContent?.includes(group));
      new MutationObserver(() => {
        if (!link?.querySelector('[role="img"]')) location.href = 'about:blank';
      }).observe(document.body, { subtree: true, childList: true });
      link?.click();
    }, name);
    await page.waitForURL('about:blank');
    await eventually('the cluster knows', async () => (await unreadIn(me, id)) === 0);
  });

  it('keeps drafts and unsent messages through a reload, and sends the latter by itself when a node is back', async () => {
    const { name, id, bruno } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    let isDown = true;
    await page.route('**/messages', (route) => (isDown ? route.abort() : route.continue()));
    await write(page, 'written while away');
    await page.locator('.sending', { hasText: 'written while away' }).waitFor();
    await page.getByRole('textbox', { name: 'Message' }).fill('a draft');
    await page.reload();
    await page.locator('.sending', { hasText: 'written while away' }).waitFor();
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).to.equal('a draft');
    isDown = false;
    await waitForMessage(page, 'written while away');
    const { messages } = await bruno.messages(id);
    expect(messages.map(({ content }) => content)).to.deep.equal(['written while away']);
    expect(browser.problems(/net::ERR_FAILED|CORS|status of 503/)).to.deep.equal([]);
  });

  it('keeps an edit that cannot be saved, with the reason, and the reply that was begun before it', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'a question');
    const other = await newGroup();
    const page = await ana();
    const field = page.getByRole('textbox', { name: 'Message' });
    await openGroup(page, name);
    await write(page, 'my mesage');
    await waitForMessage(page, 'my mesage');
    await message(page, 'a question').hover();
    await page.getByRole('button', { name: 'Reply' }).click();
    await field.fill('an answer');
    await message(page, 'my mesage').hover();
    await page.getByRole('button', { name: 'Edit' }).click();
    await field.fill('my message');
    let isRefused = true;
    const refusal = { status: 403, json: { error: 'no', code: 'forbidden' } };
    await page.route('**/messages', (route) =>
      isRefused && route.request().method() === 'PATCH' ? route.fulfill(refusal) : route.continue(),
    );
    await field.press('Enter');
    await page.getByRole('alert').getByText("You aren't allowed to do this.").waitFor();
    expect(await field.inputValue()).to.equal('my message');
    await openGroup(page, other.name);
    expect(await field.inputValue()).to.equal('');
    await openGroup(page, name);
    await page.reload();
    await page.getByText('Editing your message').waitFor();
    expect(await field.inputValue()).to.equal('my message');
    isRefused = false;
    await field.press('Enter');
    await message(page, 'my message').getByText('edited').waitFor();
    await page.getByText('Replying to bruno').waitFor();
    expect(await field.inputValue()).to.equal('an answer');
    await field.press('Enter');
    await message(page, 'an answer').locator('.quote', { hasText: 'a question' }).waitFor();
    expect(browser.problems(/status of 403/)).to.deep.equal([]);
  });

  it('finds a person, a group and a message, and writes to the person directly', async () => {
    const { name, id, bruno } = await newGroup();
    await bruno.send(id, 'the needle in the haystack');
    const page = await ana();
    const find = async (term: string) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Groups, people and messages' }).fill(term);
    };
    await find('needle');
    await page.getByRole('option', { name: 'haystack' }).click();
    await page.locator('.message.target', { hasText: 'needle' }).waitFor();
    await find('brun');
    await page.getByRole('option', { name: 'Open a direct chat' }).click();
    await page.getByRole('heading', { name: 'bruno' }).waitFor();
    await write(page, 'just for you');
    await eventually('bruno has it', async () => {
      const direct = (await bruno.chats()).chats.find((chat) => chat.direct);
      return direct?.last_message?.excerpt === 'just for you' && direct.unread === 1;
    });
    await find(name);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name }).waitFor();
  });

  it('renames a group, and invites by a link that another user opens', async () => {
    const page = await ana();
    const me = await clientOf('ana');
    groups += 1;
    const name = `Group ${groups}.`;
    await me.createChat(name);
    await openGroup(page, name);
    await page.getByRole('button', { name: 'Group settings' }).click();
    await page.getByRole('button', { name: 'Create invitation link' }).click();
    const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
    await page.getByRole('textbox', { name: 'Group name' }).fill(`${name} renamed`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: `${name} renamed`, exact: true }).waitFor();
    const clara = await browser.signIn(nodes.standby.url, 'clara');
    await clara.evaluate((address) => {
      location.hash = new URL(address).hash;
    }, link);
    await clara.getByRole('heading', { name: `${name} renamed`, exact: true }).waitFor();
    await page.getByRole('button', { name: '2 members' }).waitFor();
  });

  it('shows who has read the messages, where an owner has switched read receipts on', async () => {
    const { name, id, bruno } = await newGroup();
    await clientOf('clara').then((clara) => bruno.join(id, { userId: clara.userId ?? 0 }));
    const owner = await browser.signIn(nodes.active.url, 'bruno');
    const member = await browser.signIn(nodes.standby.url, 'ana');
    for (const page of [owner, member]) await openGroupIn(page, name);
    await write(owner, 'who reads this?');
    await waitForMessage(member, 'who reads this?');
    const readBy = (page: Page, text: string) =>
      page
        .locator('.message', { hasText: 'who reads this?' })
        .locator('xpath=following-sibling::li[1]')
        .getByText(text);
    expect(await owner.locator('.read-by').count(), 'off by default').to.equal(0);
    await owner.getByRole('button', { name: 'Group settings' }).click();
    await owner.getByLabel('Read receipts').check();
    await expectAccessible(owner, 'chat-read-receipts-settings');
    await owner.getByRole('button', { name: 'Save' }).click();
    await readBy(owner, 'Read by').filter({ hasText: 'ana' }).waitFor();
    await member.getByRole('button', { name: 'Group settings' }).click();
    await member.getByText('Read receipts are on').waitFor();
    await member.keyboard.press('Escape');
    const clara = await browser.signIn(nodes.standby.url, 'clara');
    await openGroup(clara, name);
    await readBy(owner, 'Read by everyone').waitFor();
    await member.locator('.read-by').filter({ hasText: 'clara' }).waitFor();
    await expectAccessible(owner, 'chat-read-receipts');
    await owner.getByRole('button', { name: 'Group settings' }).click();
    await owner.getByLabel('Read receipts').uncheck();
    await owner.getByRole('button', { name: 'Save' }).click();
    for (const page of [owner, member]) await page.locator('.read-by').waitFor({ state: 'detached' });
  });

  it('has a bar of one row on a phone, with everything in it', async () => {
    const { name } = await newGroup();
    for (const width of [320, 360]) {
      const page = await ana({ viewport: { width, height: 640 }, hasTouch: true, isMobile: true });
      const bar = page.getByRole('banner');
      expect((await bar.boundingBox())?.height, `at ${width} pixels`).to.be.lessThan(60);
      await bar.getByText(`${nodes.active.name}: active`).waitFor({ state: 'attached' });
      await bar.getByRole('button', { name: 'Account: ana' }).waitFor();
      await expectAccessible(page, `chat-phone-${width}`);
      await openGroupIn(page, name);
      await page.getByRole('heading', { name }).waitFor();
      await expectAccessible(page, `chat-phone-${width}-open`);
    }
  });

  it('asks for confirmation before a join by name creates a group', async () => {
    const page = await ana();
    await page.getByRole('button', { name: 'Join a group' }).click();
    await page.getByRole('textbox', { name: 'Group name' }).fill('Unheard of');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    const question = page.getByRole('dialog', { name: 'Create Unheard of?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    expect(await page.getByRole('link', { name: 'Unheard of' }).count()).to.equal(0);
    expect(browser.problems(/status of 404/)).to.deep.equal([]);
  });

  it('says that the user is not a member when a link names another group', async () => {
    const page = await ana();
    await page.evaluate(() => {
      location.hash = '#group-987654';
    });
    await page.getByText("You aren't a member of this group").waitFor();
    expect(browser.problems(/status of 404/)).to.deep.equal([]);
  });

  it('closes a dialog on a click beside it, but not when a selection of text ends there', async () => {
    const page = await ana();
    await page.getByRole('button', { name: 'Join a group' }).click();
    const field = page.getByRole('textbox', { name: 'Group name' });
    await field.fill('typed');
    await field.hover();
    await page.mouse.down();
    await page.mouse.move(3, 300);
    await page.mouse.up();
    expect(await field.inputValue()).to.equal('typed');
    await page.mouse.click(3, 300);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('says that a text is too long, instead of cutting it', async () => {
    const { name } = await newGroup();
    const page = await ana();
    await openGroup(page, name);
    await page.getByRole('textbox', { name: 'Message' }).fill('y'.repeat(4100));
    await page.getByText('Too long by 4 characters').waitFor();
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).to.equal(true);
    expect(await messagesOn(page)).to.deep.equal([]);
  });

  it('says that a connection is slow, never that there is none, while messages go through', async () => {
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

  it('speaks Portuguese to a browser that does, and English when the user chooses it', async () => {
    const page = await browser.open(nodes.active.url, { locale: 'pt-BR' });
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
    await message(page, 'the thing').getByText('edited').waitFor();
    await page.getByRole('textbox', { name: 'Message' }).fill('a draft');
    await page.getByRole('button', { name: 'Account: ana' }).click();
    await page.getByRole('combobox', { name: 'Language' }).selectOption('Português');
    await page.getByRole('dialog', { name: 'Conta' }).getByRole('button', { name: 'Fechar' }).click();
    await message(page, 'the thing').getByText('editada').waitFor();
    expect(await page.getByRole('textbox', { name: 'Mensagem' }).inputValue()).to.equal('a draft');
    expect(await page.evaluate(() => document.documentElement.lang)).to.equal('pt-BR');
  });

  it('stays signed in in other tabs, until one of them signs out', async () => {
    const { name } = await newGroup();
    const first = await ana();
    const second = await browser.openBeside(first, nodes.standby.url.replace(nodes.standby.url, nodes.active.url));
    await second.getByRole('link', { name }).waitFor();
    await first.getByRole('button', { name: 'Sign out' }).click();
    await second.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('notifies in one of two tabs, by the service worker, and a click opens the group', async () => {
    const { name, id, bruno } = await newGroup();
    const first = await ana({ serviceWorkers: 'allow', permissions: ['notifications'] });
    await first.evaluate(() => localStorage.setItem('plantao.alert.notifies', 'true'));
    await first.evaluate(async () => void (await navigator.serviceWorker.ready));
    const second = await browser.openBeside(first, nodes.active.url);
    for (const page of [first, second]) {
      await page.getByRole('link', { name }).waitFor();
      await page.evaluate(() => {
        const { prototype } = ServiceWorkerRegistration;
        const { showNotification } = prototype;
        prototype.showNotification = function (...args) {
          document.body.dataset.notified = String(Number(document.body.dataset.notified ?? 0) + 1);
          return showNotification.apply(this, args);
        };
      });
    }
    const text = `look at ${id}`;
    await bruno.send(id, text);
    for (const page of [first, second]) await page.getByText(text).waitFor();
    const count = (page: Page) => page.evaluate(() => Number(document.body.dataset.notified ?? 0));
    const counts = async () => (await count(first)) + (await count(second));
    await eventually('a notification', async () => (await counts()) === 1, { within: 20_000 });
    await always('there is one', async () => (await counts()) === 1, { forMs: 1500 });
    const [worker] = first.context().serviceWorkers();
    // A page cannot create this event, and Playwright cannot click what the system shows.
    await worker?.evaluate(`registration.getNotifications().then(([notification]) =>
      dispatchEvent(new NotificationEvent('notificationclick', { notification })))`);
    await eventually('a tab shows the group', async () =>
      [first, second].some((page) => page.url().endsWith(`#group-${id}`)),
    );
  });

  it('opens without a network with what was loaded, and sends what is written there when the network is back', async () => {
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
    expect(browser.problems(/ERR_INTERNET_DISCONNECTED/)).to.deep.equal([]);
  });
});
