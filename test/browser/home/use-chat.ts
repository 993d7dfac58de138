import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { ChatClient } from '../../../src/client/index.ts';
import { type BrowserCluster, expectNoProblems, useBrowserCluster } from '../browser-cluster.ts';

/** A group of ana and bruno, and the client of bruno, who owns it. */
interface TestGroup {
  name: string;
  id: number;
  bruno: ChatClient;
}

/** The result of {@link useChat}. */
export interface Chat {
  use: BrowserCluster;
  /** Signs a user in outside the browser. */
  clientOf(username: string): Promise<ChatClient>;
  /** Signs ana in on the chat page of the first node. */
  ana(options?: BrowserContextOptions): Promise<Page>;
  newGroup(): Promise<TestGroup>;
}

/**
 * Starts two nodes and a browser for all tests of a `describe`, and helps to create users and groups. A test fails if its pages
 * report a problem that it has not allowed.
 */
export function useChat(allowed?: RegExp): Chat {
  const use = useBrowserCluster();
  let groups = 0;
  expectNoProblems(use, allowed);
  const clientOf = async (username: string) => {
    const client = new ChatClient({ urls: [use.first.url] });
    await client.login(username);
    return client;
  };
  return {
    use,
    clientOf,
    ana: (options) => use.browser.signIn(use.first.url, 'ana', options),
    async newGroup() {
      await clientOf('ana');
      const bruno = await clientOf('bruno');
      groups += 1;
      const name = `Group ${groups}.`;
      const { group_id: id } = await bruno.createChat(name, ['ana']);
      return { name, id, bruno };
    },
  };
}

/** The message with this text on a page. */
export const messageOn = (page: Page, text: string): Locator => page.locator('.message', { hasText: text });
