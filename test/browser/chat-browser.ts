import { existsSync } from 'node:fs';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';

/** The Chromium to use: CHROMIUM, or Debian's path. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Timeout of every wait for a page, long enough for a busy machine. */
const WAIT_MS = 40_000;

/** The console error of a request to a node that is down. A page cannot suppress it. */
export const NODE_IS_DOWN = /^Failed to load resource: (net::ERR_|the server responded with a status of 503)/;

/** The warning where a test blocks the service worker. */
const WORKER_IS_BLOCKED = /^Service Worker registration blocked by Playwright/;

/** A real browser that records the problems its pages report. */
export interface ChatBrowser {
  /** Opens a page of a node, by default the chat page, in its own context, like a separate user. */
  open(nodeUrl: string, options?: BrowserContextOptions, path?: string): Promise<Page>;
  /** Opens a chat page in the context of another one, as another tab of the same user. */
  openBeside(page: Page, nodeUrl: string): Promise<Page>;
  /** Opens the chat page and signs in. */
  signIn(nodeUrl: string, username: string, options?: BrowserContextOptions): Promise<Page>;
  /** Returns console errors, warnings, uncaught errors and policy violations since the last call, except `allowed` ones. */
  problems(allowed?: RegExp): string[];
  /** Closes all open pages. */
  closePages(): Promise<void>;
  close(): Promise<void>;
}

/** Returns whether Chromium is installed. Without it, throws on CI; elsewhere warns, and the tests are skipped. */
export function hasChromium(): boolean {
  if (existsSync(EXECUTABLE)) return true;
  const text = `no browser at ${EXECUTABLE}: set CHROMIUM to the path of Chromium or Chrome to run the chat page tests`;
  if (process.env.CI) throw new Error(text);
  console.warn(text);
  return false;
}

/** Starts Chromium. */
export async function startChatBrowser(): Promise<ChatBrowser> {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  let problems: string[] = [];

  const open = async (nodeUrl: string, options: BrowserContextOptions = {}, path = '/home') => {
    // A service worker would keep requests from the tests that answer or delay them.
    const defaults = { locale: 'en-GB', timezoneId: 'UTC', serviceWorkers: 'block' } as const;
    const context = await browser.newContext({ ...defaults, ...options });
    context.setDefaultTimeout(WAIT_MS);
    return openIn(context, nodeUrl, path);
  };
  const openIn = async (context: BrowserContext, nodeUrl: string, path = '/home') => {
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(`${message.text()} ${message.location().url}`);
    });
    await page.goto(nodeUrl + path);
    return page;
  };
  return {
    open,
    openBeside: (page, nodeUrl) => openIn(page.context(), nodeUrl),
    async signIn(nodeUrl, username, options) {
      const page = await open(nodeUrl, options);
      await untilActiveNodeIsShown(page);
      await page.getByRole('textbox', { name: 'Name' }).fill(username);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      return page;
    },
    problems(allowed) {
      const found = problems.filter((problem) => !allowed?.test(problem) && !WORKER_IS_BLOCKED.test(problem));
      problems = [];
      return found;
    },
    closePages: () => closeContexts(browser),
    close: () => browser.close(),
  };
}

async function closeContexts(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

/** Waits for the page's first poll: before it a write may go to a standby, whose 503 appears as an error in the console. */
export async function untilActiveNodeIsShown(page: Page): Promise<void> {
  await page.locator('#nodes .active').first().waitFor();
}

/** Opens a group by its name. */
export async function openGroup(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name }).click();
  await page.getByRole('heading', { name }).waitFor();
}

/** The field in which a message is written. */
export const messageField = (page: Page): Locator => page.getByRole('textbox', { name: 'Message' });

/** Writes a message and sends it with Enter. */
export async function write(page: Page, text: string): Promise<void> {
  await messageField(page).fill(text);
  await page.keyboard.press('Enter');
}

/** Waits until a message with this text is shown as stored. */
export async function waitForMessage(page: Page, text: string): Promise<void> {
  await page.locator('.message:not(.sending):not(.failed)', { hasText: text }).first().waitFor();
}

/** Returns the texts of all visible messages in order, including pending ones. */
export function messagesOn(page: Page): Promise<string[]> {
  return page.locator('.message .content').allTextContents();
}
