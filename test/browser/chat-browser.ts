import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where a Chromium is looked for: what CHROMIUM names, else Debian's. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** A page on a busy machine; each wait names what it waits for. */
const PATIENCE_MS = 40_000;

/** What a network without that node says in the console, of which a page can do nothing about. */
export const NODE_IS_AWAY = /^Failed to load resource: (net::ERR_|the server responded with a status of 503)/;

/** A real browser, and everything that its pages have complained of. */
export interface ChatBrowser {
  /** Opens the chat page of a node in a context of its own, as another person would. */
  open(nodeUrl: string, options?: BrowserContextOptions): Promise<Page>;
  /** Opens it and signs in. */
  signIn(nodeUrl: string, username: string, options?: BrowserContextOptions): Promise<Page>;
  /** Console errors, warnings, uncaught errors and policy violations since the last call, without what `allowed` covers. */
  problems(allowed?: RegExp): string[];
  /** Closes the pages that are open. */
  closePages(): Promise<void>;
  close(): Promise<void>;
}

/** False where there is no Chromium: said aloud, an error on a CI machine, and a reason to leave out the tests elsewhere. */
export function hasChromium(): boolean {
  if (existsSync(EXECUTABLE)) return true;
  const sentence = `no browser at ${EXECUTABLE}: set CHROMIUM to a Chromium or Chrome to run the tests of the chat page`;
  if (process.env.CI) throw new Error(sentence);
  console.warn(sentence);
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

  const open = async (nodeUrl: string, options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(`${message.text()} ${message.location().url}`);
    });
    await page.goto(`${nodeUrl}/home`);
    return page;
  };
  return {
    open,
    async signIn(nodeUrl, username, options) {
      const page = await open(nodeUrl, options);
      // Quicker than the page's first look at the nodes, a standby is asked to sign one in and names the active: a red line.
      await page.locator('#nodes .active').first().waitFor();
      await page.getByRole('textbox', { name: 'Name' }).fill(username);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      return page;
    },
    problems(allowed) {
      const found = problems.filter((problem) => !allowed?.test(problem));
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

/** Opens a group by its name. */
export async function openGroup(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Groups' }).getByRole('link', { name }).click();
  await page.getByRole('heading', { name }).waitFor();
}

/** Writes a message and sends it with Enter. */
export async function write(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
}

/** Waits until a message with this text is shown as stored. */
export async function waitForMessage(page: Page, text: string): Promise<void> {
  await page.locator('.message:not(.sending):not(.failed)', { hasText: text }).first().waitFor();
}

/** The texts of all messages shown, in order; those under way too. */
export function messagesOn(page: Page): Promise<string[]> {
  return page.locator('.message .content').allTextContents();
}
