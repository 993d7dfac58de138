import type { ChatClient, SearchResult, User } from '../../../client/index.ts';

/** A message that was found. */
export type FoundMessage = SearchResult['messages'][number];

/** The maximum number of people that are shown. */
const MAX_PEOPLE = 8;
/** Number of messages per page. */
const PAGE = 20;
/** Shorter terms are in most messages. */
const MIN_LETTERS = 2;
/** How long a search may take, in milliseconds: the user is waiting for it. */
const DEADLINE_MS = 10_000;

/** A search for people and for messages of the user's groups. */
export class Search {
  people: readonly User[] = [];
  messages: readonly FoundMessage[] = [];
  /** Why a part of the search failed; undefined if none did. */
  error: unknown;
  readonly #client: ChatClient;
  readonly #term: string;
  readonly #signal: AbortSignal;
  readonly #changed: () => void;
  /** The number of parts that have not ended. Not 0 at first: the search counts as running from the beginning. */
  #running = 1;
  /** Where the next page of messages begins; null after the last one. */
  #before: number | null = null;

  constructor(client: ChatClient, term: string, signal: AbortSignal, changed: () => void) {
    this.#client = client;
    this.#term = term.trim();
    this.#signal = signal;
    this.#changed = changed;
  }

  /** True until every part of the search has ended. */
  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** True if there are more messages to find. */
  get hasMore(): boolean {
    return this.#before !== null;
  }

  /** Searches for people and for the first page of messages. */
  async start(): Promise<void> {
    const findsMessages = this.#term.length >= MIN_LETTERS;
    await Promise.all([this.#part(() => this.#findPeople()), findsMessages && this.#part(() => this.#findMessages())]);
    this.#running -= 1;
    this.#report();
  }

  /** Adds the next page of messages. */
  async more(): Promise<void> {
    if (this.hasMore && !this.isRunning) await this.#part(() => this.#findMessages(this.#before ?? undefined));
  }

  async #findPeople(): Promise<void> {
    const options = { limit: MAX_PEOPLE, signal: this.#signal, deadlineMs: DEADLINE_MS };
    this.people = await this.#client.users(this.#term, options);
  }

  async #findMessages(from?: number): Promise<void> {
    let before = from;
    for (;;) {
      const at = before === undefined ? {} : { before };
      const options = { ...at, limit: PAGE, signal: this.#signal, deadlineMs: DEADLINE_MS };
      const { messages, next_before } = await this.#client.search(this.#term, options);
      this.messages = [...this.messages, ...messages];
      this.#before = next_before;
      // A node searches for a limited time, and may stop before it has found any.
      if (messages.length > 0 || next_before === null) return;
      before = next_before;
    }
  }

  async #part(find: () => Promise<void>): Promise<void> {
    this.#running += 1;
    this.error = undefined;
    this.#report();
    try {
      await find();
    } catch (error) {
      this.error = error;
    }
    this.#running -= 1;
    this.#report();
  }

  #report(): void {
    if (!this.#signal.aborted) this.#changed();
  }
}
