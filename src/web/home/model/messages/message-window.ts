import type { Message, MessagePage } from '../../../../client/index.ts';

/** Maximum number of messages kept for a group that is not open: a few screens, because a tab may stay open for months. */
const MAX_KEPT = 200;
/** Maximum number of messages kept for an open group, however far its user scrolls. */
const MAX_LOADED = 500;
/** Deleted messages that are remembered: a page that was requested before the deletion may still bring one. */
const MAX_DELETED = 1000;
/** New messages kept while the window does not reach the newest one. */
const MAX_AHEAD = 500;

/**
 * The loaded messages of a group: a part of its history without a gap. Pages and live events arrive in any order and overlap.
 * Every message is in it once, in the order of ids; a deleted one never reappears.
 */
export class MessageWindow {
  /** True when older messages than the loaded ones exist. */
  hasOlder = false;
  /** True when newer messages than the loaded ones exist. */
  hasNewer = false;
  #messages: Message[] = [];
  /** New messages that arrived while hasNewer: alone they would hide the gap before them. */
  #ahead: Message[] = [];
  /** The newest of them that was dropped, because there were too many to keep; 0 if none was. */
  #droppedUpTo = 0;
  readonly #deleted = new Set<number>();

  /** The messages in order. */
  get all(): readonly Message[] {
    return this.#messages;
  }

  /** The oldest loaded message. */
  get oldest(): Message | undefined {
    return this.#messages[0];
  }

  /** The newest loaded message. */
  get newest(): Message | undefined {
    return this.#messages.at(-1);
  }

  /** Returns the loaded message with that id. */
  find(id: number): Message | undefined {
    const found = this.#messages[this.#indexOf(id)];
    return found?.id === id ? found : undefined;
  }

  /** Returns the last message up to an id; undefined if a later one up to that id may exist that is not loaded. */
  lastUpTo(id: number): Message | undefined {
    if (this.hasNewer && id > (this.newest?.id ?? 0)) return undefined;
    return this.#messages[this.#indexOf(id + 1) - 1];
  }

  /** Returns the loaded messages after an id. */
  after(id: number): Message[] {
    return this.#messages.slice(this.#indexOf(id + 1));
  }

  /** Drops the messages up to an id, which must be loaded again. */
  dropUpTo(id: number): void {
    this.#messages = this.after(id);
  }

  /** Drops all messages. */
  clear(): void {
    this.#messages = [];
    this.#ahead = [];
    this.#droppedUpTo = 0;
    this.hasOlder = false;
    this.hasNewer = false;
  }

  /** Drops all but the newest messages; the others can be loaded again. */
  trim(): void {
    const oldest = this.#messages.at(-MAX_KEPT);
    if (this.hasNewer || oldest === undefined || oldest === this.#messages[0]) return;
    this.#messages = this.#messages.slice(-MAX_KEPT);
    this.hasOlder = true;
  }

  /**
   * Shows the newest page, or one around a message. Keeps the messages that were loaded before if there is no gap between them and
   * the page.
   */
  load(page: MessagePage): void {
    const kept = this.hasNewer ? this.#ahead : this.#messages;
    this.#messages = [];
    this.#ahead = [];
    for (const message of page.messages) this.#insert(message);
    this.hasNewer = page.has_newer === true || this.#hasDropped;
    this.hasOlder = page.has_more;
    for (const message of kept) this.add(message);
  }

  /** Adds the page before the oldest message. If there are too many, the newest ones must be loaded again. */
  loadOlder(page: MessagePage): void {
    for (const message of page.messages) this.#insert(message);
    this.hasOlder = page.has_more;
    if (this.#messages.length <= MAX_LOADED) return;
    this.#messages = this.#messages.slice(0, MAX_LOADED);
    this.hasNewer = true;
  }

  /** Adds the page after the newest message. If there are too many, the oldest ones must be loaded again. */
  loadNewer(page: MessagePage): void {
    for (const message of page.messages) this.#insert(message);
    if (this.#messages.length > MAX_LOADED) {
      this.#messages = this.#messages.slice(-MAX_LOADED);
      this.hasOlder = true;
    }
    // The next page has the dropped messages.
    if (page.has_more || this.#hasDropped) return;
    const ahead = this.#ahead;
    this.#ahead = [];
    this.hasNewer = false;
    for (const message of ahead) this.#insert(message);
  }

  /** Adds a new message unless it is older than the loaded ones, where it would hide the gap after it. */
  add(message: Message): void {
    const oldest = this.oldest?.id;
    if (this.hasNewer && message.id > (this.newest?.id ?? 0)) {
      this.#ahead.push(message);
      if (this.#ahead.length <= MAX_AHEAD) return;
      this.#ahead = [];
      this.#droppedUpTo = message.id;
    } else if (!this.hasOlder || oldest === undefined || message.id > oldest) this.#insert(message);
  }

  /** Replaces a loaded message. */
  replace(id: number, change: (message: Message) => Message): void {
    const at = this.#indexOf(id);
    const message = this.#messages[at];
    if (message?.id === id) this.#messages[at] = change(message);
    this.#ahead = this.#ahead.map((one) => (one.id === id ? change(one) : one));
  }

  /** Changes each loaded message; `change` returns a message as it is if it stays the same. */
  change(change: (message: Message) => Message): void {
    this.#messages = this.#messages.map(change);
    this.#ahead = this.#ahead.map(change);
  }

  /** Removes a message for good. Returns false if it was removed before. */
  remove(id: number): boolean {
    if (this.#deleted.has(id)) return false;
    this.#deleted.add(id);
    const [first] = this.#deleted;
    if (this.#deleted.size > MAX_DELETED && first !== undefined) this.#deleted.delete(first);
    if (this.find(id) !== undefined) this.#messages.splice(this.#indexOf(id), 1);
    return true;
  }

  /** True if messages that were dropped are newer than the loaded ones. */
  get #hasDropped(): boolean {
    return this.#droppedUpTo > (this.newest?.id ?? 0);
  }

  #insert(message: Message): void {
    if (this.#deleted.has(message.id) || this.find(message.id) !== undefined) return;
    this.#messages.splice(this.#indexOf(message.id), 0, message);
  }

  /** Returns the index of that id, or the index at which to insert it. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#messages[middle]?.id ?? id) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
