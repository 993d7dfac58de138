import { backoffDelay } from '../../../../async/backoff.ts';
import { withTimeout } from '../../../../async/with-timeout.ts';
import { type MessagePage, NO_DEADLINE, type PageOptions } from '../../../../client/index.ts';
import { sleep } from '../../../../client/requests/sleep.ts';
import type { ChatContext } from '../chat-context.ts';
import type { Conversation } from './conversation.ts';
import { lacksReactions } from './missing-reactions.ts';

/** Number of messages per page of history: more than a screen, and quick to load. */
const PAGE = 50;
/** With fewer unread messages than this, the newest page shows the first of them. */
const SHOWN_IN_PAGE = 40;

/** Timeout of the request for the newest messages when the user jumps to them, in milliseconds. */
const LATEST_MS = 10_000;

/** How long messages wait for the group's system messages, in milliseconds. */
const EVENTS_MS = 400;

/** The first and the longest delay before missing reactions are read again, in milliseconds: their table may be locked for a while. */
const REACTIONS_FIRST_MS = 1000;
const REACTIONS_MAX_MS = 60_000;
/** Maximum number of failed attempts in a row, about ten minutes in all. The next one is made when the group is opened again. */
const REACTIONS_ATTEMPTS = 20;

/** Loads the messages of groups, in pages. */
export class MessageHistory {
  readonly #context: ChatContext;
  readonly #reactionsFirstMs: number;
  /** The groups whose reactions are being read again. */
  readonly #rereading = new Set<Conversation>();

  constructor(context: ChatContext, reactionsFirstMs = REACTIONS_FIRST_MS) {
    this.#context = context;
    this.#reactionsFirstMs = reactionsFirstMs;
  }

  /** Loads the messages where the user continues reading: the newest page, or the one around the first unread message. */
  async load(conversation: Conversation): Promise<void> {
    const { generation, unread, lastReadId } = conversation;
    // Shown together with the messages: lines added later would move the text that is being read. A slow response is not awaited.
    const events = withTimeout(EVENTS_MS, this.#readEvents(conversation), () => {});
    // Where nothing has been read yet, the first unread message is the first one.
    const around = unread >= SHOWN_IN_PAGE ? { around: Math.max(lastReadId, 1) } : {};
    try {
      const [page] = await Promise.all([this.#page(conversation, { ...around, ...NO_DEADLINE }), events]);
      if (conversation.generation === generation) conversation.load(page);
    } catch (error) {
      return this.#context.failed(error);
    }
    this.#context.changed();
  }

  /** Loads the page before the oldest loaded message of a group, if there is one. */
  async loadOlder(conversation: Conversation): Promise<void> {
    const { window } = conversation;
    if (!window.hasOlder) return;
    const before = window.oldest?.id;
    const page = await this.#page(conversation, before === undefined ? {} : { before });
    // If messages were dropped while it was read, this page would leave a gap before the remaining ones.
    if (window.oldest?.id === before) conversation.loadOlder(page);
    const eventsBefore = conversation.systemMessages.olderThan(window.hasOlder ? (window.oldest?.timestamp ?? '') : '');
    if (eventsBefore !== undefined) void this.#readEvents(conversation, eventsBefore);
    this.#context.changed();
  }

  /** Loads the page after the newest loaded message of a group, if there is one. */
  async loadNewer(conversation: Conversation): Promise<void> {
    const { window } = conversation;
    const after = window.newest?.id;
    if (!window.hasNewer || after === undefined) return;
    const page = await this.#page(conversation, { after });
    if (window.newest?.id === after) conversation.loadNewer(page);
    this.#context.changed();
  }

  /** Replaces the loaded messages of a group with the newest ones. Until these arrive, the others stay. */
  async toLatest(conversation: Conversation): Promise<void> {
    const { generation, window } = conversation;
    if (!window.hasNewer) return;
    const page = await this.#page(conversation, { deadlineMs: LATEST_MS });
    if (conversation.generation === generation) conversation.load(page);
    this.#context.changed();
  }

  /** Loads the messages around one, unless it is loaded. Resolves to false if the group has no such message. */
  async loadAround(conversation: Conversation, messageId: number): Promise<boolean> {
    if (conversation.window.find(messageId) === undefined) {
      const { generation } = conversation;
      const page = await this.#page(conversation, { around: messageId });
      if (conversation.generation !== generation) return this.loadAround(conversation, messageId);
      conversation.load(page);
      this.#context.changed();
    }
    return conversation.window.find(messageId) !== undefined;
  }

  /** Reads the reactions that are missing in a group, until all are known or too many attempts have failed. */
  async readReactions(conversation: Conversation): Promise<void> {
    if (this.#rereading.has(conversation)) return;
    this.#rereading.add(conversation);
    const { signal } = this.#context;
    for (let failures = 0; failures < REACTIONS_ATTEMPTS; ) {
      await sleep(backoffDelay(failures, REACTIONS_MAX_MS, this.#reactionsFirstMs), signal).catch(() => {});
      const newest = conversation.missingReactions.newest;
      if (signal.aborted || newest === undefined) break;
      failures = (await this.#rereadUpTo(newest, conversation)) ? 0 : failures + 1;
    }
    this.#rereading.delete(conversation);
  }

  /** Reads the page that ends with a message again, for its reactions. Returns false if they still cannot be read. */
  async #rereadUpTo(newest: number, conversation: Conversation): Promise<boolean> {
    const { generation } = conversation;
    try {
      const page = await this.#request(conversation, { before: newest + 1 });
      if (lacksReactions(page)) return false;
      if (conversation.generation === generation) conversation.completeReactions(page, newest);
    } catch (error) {
      this.#context.failed(error);
      return false;
    }
    this.#context.changed();
    return true;
  }

  /** Reads the system messages of a group; before the cursor of an event, if given. If that fails, only messages are shown. */
  async #readEvents(conversation: Conversation, before?: string): Promise<void> {
    const { client, signal, changed } = this.#context;
    const { generation, group } = conversation;
    if (group.direct) return;
    try {
      const page = await client.groups.events(group.id, { ...(before !== undefined && { before }), signal });
      if (conversation.generation === generation) conversation.systemMessages.load(page, conversation.group);
      changed();
    } catch {
      // They are read again with the next messages, whose error is reported.
    }
  }

  async #page(conversation: Conversation, options: PageOptions): Promise<MessagePage> {
    const page = await this.#request(conversation, options);
    if (lacksReactions(page)) void this.readReactions(conversation);
    return page;
  }

  #request(conversation: Conversation, options: PageOptions): Promise<MessagePage> {
    const { client, signal } = this.#context;
    return client.messages(conversation.group.id, { ...options, limit: PAGE, signal });
  }
}
