import type { Page } from 'playwright-core';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { messageField, openGroup } from '../../chat-browser.ts';
import { useChat } from '../use-chat.ts';

describe('The chat page in two tabs', function () {
  this.timeout(180_000);
  const { use, ana, clientOf, newGroup } = useChat();

  it('keeps both tabs signed in until the user signs out in one of them', async () => {
    const { name } = await newGroup();
    const first = await ana();
    const second = await use.browser.openBeside(first, use.first.url);
    await second.getByRole('link', { name }).waitFor();
    await first.getByRole('button', { name: 'Sign out' }).click();
    await second.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  it('shows a notification from one tab only, by the service worker, and opens the group on a click', async () => {
    const { name, id, bruno } = await newGroup();
    const first = await ana({ serviceWorkers: 'allow', permissions: ['notifications'] });
    const { userId } = await clientOf('ana');
    await first.evaluate((id) => localStorage.setItem(`plantao.alert.${id}.notifies`, 'true'), userId);
    await first.evaluate(async () => void (await navigator.serviceWorker.ready));
    const second = await use.browser.openBeside(first, use.first.url);
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

  it('takes over a draft and the language from another tab', async () => {
    const { name } = await newGroup();
    const one = await ana();
    await openGroup(one, name);
    const other = await use.browser.openBeside(one, use.first.url);
    await openGroup(other, name);
    const untilDraft = (page: Page, text: string) =>
      eventually('the field has the draft', async () => (await messageField(page).inputValue()) === text);
    await messageField(one).fill('a draft');
    await untilDraft(other, 'a draft');
    await messageField(other).press('Enter');
    await one.locator('.message', { hasText: 'a draft' }).first().waitFor();
    await untilDraft(one, '');
    await one.getByRole('button', { name: 'Account' }).click();
    await one.getByRole('combobox', { name: 'Language' }).selectOption('pt-BR');
    await other.getByRole('button', { name: 'Enviar' }).waitFor();
  });
});
