/*
 * npm run bench:page: how soon the chat page shows messages after a reload, compared with an empty page of the same server, and
 * whether its memory stays flat while events arrive.
 */
import type { CDPSession, Page } from 'playwright-core';
import { ChatClient } from '../../src/client/index.ts';
import { hasChromium, openGroup, startChatBrowser } from '../browser/chat-browser.ts';
import { startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { runPart } from './common/part.ts';
import { sql } from './common/people.ts';
import { startPlantao } from './common/servers.ts';
import { shown } from './common/table.ts';

const CHAT = 'the chat page';
const EMPTY = 'an empty page of the same node';
const GROUP = 'Measured';
const HISTORY = 5000;
/** A message a second. */
const HOUR = 3600;
/** Messages that are stored by one statement: they arrive as fast as the page can show them. */
const BATCH = 100;

await runPart('page', 'The chat page', async (bench) => {
  if (!hasChromium()) return bench.remark('skipped: Chromium is not installed');
  const postgres = await startPostgresOfItsOwn();
  bench.defer(() => postgres.remove());
  const node = await startPlantao(postgres.url);
  bench.defer(() => node.stop());
  const browser = await startChatBrowser();
  bench.defer(() => browser.close());
  const url = `http://localhost:${node.port}`;
  const [ana, bruno] = [new ChatClient({ urls: [url] }), new ChatClient({ urls: [url] })];
  await ana.login('ana');
  const { user_id: sender } = await bruno.login('bruno');
  const { group_id: group } = await bruno.createChat(GROUP, ['ana']);
  let stored = 0;
  const store = async (count: number) => {
    for (const until = stored + count; stored < until; stored += BATCH) {
      await sql(
        postgres.url,
        `INSERT INTO plantao.messages (group_id, sender_id, content)
           SELECT ${group}, ${sender}, 'line ' || n || '.' FROM generate_series(${stored}, ${stored + BATCH - 1}) n`,
      );
    }
  };
  const page = await browser.signIn(url, 'ana');
  await openGroup(page, GROUP);
  const devtools = await page.context().newCDPSession(page);
  const arrived = () => page.locator('.message', { hasText: `line ${stored - 1}.` }).waitFor({ timeout: 120_000 });
  const count = bench.isQuick ? 500 : HOUR;

  await bench.section({
    title: 'JS heap after garbage collection',
    figures: [
      { key: 'opened', label: 'opened, MB' },
      { key: 'history', label: `after ${shown(HISTORY)} messages` },
      { key: 'hour', label: `after ${shown(count)} more` },
    ],
    contestants: [
      {
        name: CHAT,
        async round() {
          const opened = await heapOf(devtools);
          await store(HISTORY);
          await arrived();
          const history = await heapOf(devtools);
          await store(count);
          await arrived();
          return { opened, history, hour: await heapOf(devtools) };
        },
      },
    ],
    targets: [{ work: 'heap after the hour / before it', of: [CHAT, 'hour'], to: [[CHAT, 'history']], atMost: 1.2 }],
    rounds: 1,
  });
  await firstMessageTimes(page);
  const empty = await browser.open(url, {}, '/liveness');
  await bench.section({
    title: 'Reload',
    figures: [{ key: 'ms', label: 'ms to the first content' }],
    contestants: [
      {
        name: CHAT,
        async round() {
          await page.reload();
          const found = await page.waitForFunction(() => (window as { firstMessageAt?: number }).firstMessageAt);
          return { ms: Number(await found.jsonValue()) };
        },
      },
      {
        name: EMPTY,
        async round() {
          await empty.reload();
          return { ms: await empty.evaluate(() => performance.now()) };
        },
      },
    ],
    targets: [{ work: 'ms from a reload to the first message', of: [CHAT, 'ms'], atMost: 1000 }],
  });
});

/** Makes the page record when it shows the first message, in milliseconds since the navigation began. */
async function firstMessageTimes(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (document.querySelector('.message') === null) return;
      observer.disconnect();
      requestAnimationFrame(() => Object.assign(window, { firstMessageAt: performance.now() }));
    });
    observer.observe(document, { childList: true, subtree: true });
  });
}

/** Returns the used heap of a page in megabytes. */
async function heapOf(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}
