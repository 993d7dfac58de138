import { setImmediate as nextTurn } from 'node:timers/promises';
import { BackgroundLoop } from '../../../async/background-loop.ts';
import { backoffDelay } from '../../../async/backoff.ts';
import { BlockedError } from '../../../database/checks/blocking.ts';
import { isUnavailable } from '../../../database/errors.ts';
import { NotActiveError } from '../../../database/writes/fenced-write.ts';
import type { Log } from '../../../log/log.ts';
import { CommonNgrams, NgramCounter } from './common-ngrams.ts';
import { appendChunk, chunksOf, type IndexedMessage, type IndexRow, markMessage } from './index-rows.ts';
import type { GroupsToIndex, IndexedGroup, IndexState, IndexStore } from './index-store.ts';

/** Options of {@link SearchIndexer}. */
export interface SearchIndexerOptions {
  store: IndexStore;
  log: Log;
  /** Returns true while this node is active. The database checks the term at each write. */
  isActive: () => boolean;
}

/** How often the index follows a log that grows. It is not urgent: a search reads unindexed messages directly. */
const INTERVAL_MS = 1000;
/** Longest delay while the log does not grow: an idle service costs its machine and its database little. */
const MAX_IDLE_DELAY_MS = 8000;
/** Longest delay after failed steps. */
const MAX_DELAY_MS = 60_000;
/** Shortest pause between two steps. */
const PAUSE_MS = 25;
/** A pause is this many times as long as the step before it, so that posts find the processor and the disk idle. */
const PAUSE_FACTOR = 2;
/** Number of events that a step follows. */
const EVENTS = 2000;
/** Number of groups that a step checks while the index is built. */
const GROUPS = 50;
/** Number of groups whose messages one statement reads. */
const GROUPS_PER_BATCH = 16;
/** Number of messages that it reads, of all these groups together. */
const MESSAGES_PER_BATCH = 2048;
/** Edited messages that one statement reads: each may be in another row, of 20 KB as JSON. */
const EDITS_PER_BATCH = 64;
/** Number of messages whose n-grams are counted. With fewer, the counts say little, and an index is hardly needed. */
const SAMPLE = 16_384;
const MIN_SAMPLE = 2000;
/** Pause before they are counted again, after a sample that was too small or failed. */
const COUNT_AGAIN_MS = 600_000;
/** Number of characters counted before the event loop runs other work: one or two milliseconds. */
const COUNTED_PER_SLICE = 4096;
/** Number of characters indexed before the event loop runs other work: about a millisecond. */
const CHARACTERS_PER_SLICE = 16_384;

/**
 * Keeps the search index up to date while this node is active: follows the event log, and goes through all groups when a new
 * index was begun. Every step can be repeated, so a stop or a failover loses nothing.
 */
export class SearchIndexer {
  readonly #options: SearchIndexerOptions;
  readonly #loop: BackgroundLoop;
  #failures = 0;
  /** When the n-grams may be counted, as `performance.now()` gives it. */
  #countAt = 0;
  /** Rounds in a row that found nothing to do. */
  #idleRounds = 0;

  constructor(options: SearchIndexerOptions) {
    this.#options = options;
    this.#loop = new BackgroundLoop({
      delayMs: () =>
        this.#failures > 0
          ? backoffDelay(this.#failures, MAX_DELAY_MS, INTERVAL_MS)
          : backoffDelay(this.#idleRounds, MAX_IDLE_DELAY_MS, INTERVAL_MS),
      round: () => this.catchUp(),
      onError: (error) => this.#report(error),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when no step is in progress. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Indexes everything that is in the log, or nothing if this node is not active. @throws the database's error. */
  async catchUp({ atFullSpeed = false } = {}): Promise<void> {
    this.#idleRounds++;
    for (let startedAt = performance.now(); this.#mayContinue && (await this.#step()); startedAt = performance.now()) {
      if (atFullSpeed) continue;
      const pauseMs = Math.max(PAUSE_MS, PAUSE_FACTOR * (performance.now() - startedAt));
      await this.#loop.pause(pauseMs);
    }
    if (this.#mayContinue) this.#failures = 0;
  }

  get #mayContinue(): boolean {
    return this.#options.isActive() && !this.#loop.isStopping;
  }

  /** Returns true if there may be more to do. */
  async #step(): Promise<boolean> {
    const { store, log } = this.#options;
    const state = await store.state();
    const isLost = !state || state.is_lost;
    if (isLost || (state.is_count_due && performance.now() >= this.#countAt)) {
      const common = await this.#commonNgrams();
      if (isLost || common.stored) {
        log.info({ event: 'search_rebuild' }, 'building the search index: searches are slower until it is complete');
        await store.rebuild(common);
        return true;
      }
    }
    const followed = await this.#follow(state);
    if (followed > 0) this.#idleRounds = 0;
    if (!this.#mayContinue) return false;
    if (state.swept_group === null) return followed === EVENTS;
    await this.#sweep(state.swept_group);
    return true;
  }

  /** Returns the n-grams that are common in a sample of the messages; if it is too small, or fails, an index is built without them. */
  async #commonNgrams(): Promise<CommonNgrams> {
    const { store, log } = this.#options;
    const sample = await store.sample(SAMPLE).catch((err: unknown) => {
      log.debug({ err }, 'the n-grams of messages could not be counted: searches read more messages than they need to');
      return [];
    });
    if (sample.length < MIN_SAMPLE) {
      this.#countAt = performance.now() + COUNT_AGAIN_MS;
      return new CommonNgrams(null);
    }
    const counter = new NgramCounter();
    let characters = 0;
    for (const content of sample) {
      counter.add(content);
      characters += content.length;
      if (characters > COUNTED_PER_SLICE) {
        characters = 0;
        await nextTurn();
      }
    }
    return counter.result();
  }

  /** Indexes the messages of the next events. Returns the number of events. */
  async #follow(state: IndexState): Promise<number> {
    const { store } = this.#options;
    const changes = await store.changesAfter(state.position, EVENTS);
    if (!changes) return 0;
    // Before more is indexed: only messages of chunks that are already indexed are marked.
    await this.#mark(state, changes.messages);
    await this.#index(state, changes.groups);
    if (this.#mayContinue) await store.advance(state, { position: changes.position });
    return changes.count;
  }

  /** Indexes the older messages of the next groups, or records that these were all. */
  async #sweep(after: number): Promise<void> {
    const { store } = this.#options;
    const state = await store.state();
    if (state?.swept_group !== after) return;
    const groups = await store.groupsAfter(after, GROUPS);
    await this.#index(state, groups);
    if (this.#mayContinue) await store.advance(state, { sweptGroup: groups.at(-1)?.id ?? null });
  }

  /** Indexes the messages of groups, except for the last few of each, which do not fill a chunk yet. */
  async #index(state: IndexState, all: GroupsToIndex): Promise<void> {
    const { store } = this.#options;
    const before = new Map<number, number>();
    let rest = all;
    while (this.#mayContinue) {
      // A group that did not advance is being deleted.
      const due = (await store.due(rest)).filter((group) => before.get(group.id) !== group.indexed_to);
      if (due.length === 0) return;
      for (let at = 0; at < due.length && this.#mayContinue; at += GROUPS_PER_BATCH) {
        const groups = due.slice(at, at + GROUPS_PER_BATCH);
        for (const { id, indexed_to } of groups) before.set(id, indexed_to);
        if (!(await store.save(state, await this.#nextRows(groups)))) return;
      }
      rest = due;
    }
  }

  /** Returns the rows of groups with their next messages. */
  async #nextRows(groups: readonly IndexedGroup[]): Promise<IndexRow[]> {
    const { store } = this.#options;
    const open = await store.openRows(groups.map(({ id }) => id));
    const messages = new Map<number, IndexedMessage[]>(groups.map(({ id }) => [id, []]));
    for (const message of await store.unindexed(groups, Math.floor(MESSAGES_PER_BATCH / groups.length)))
      messages.get(message.group_id)?.push(message);
    const changed: IndexRow[] = [];
    let characters = 0;
    for (const { id, indexed_to } of groups) {
      const openRow = open.get(id);
      const rows = openRow ? [openRow] : [];
      const chunks = chunksOf(messages.get(id) ?? []);
      for (const chunk of chunks) {
        appendChunk(rows, indexed_to, chunk, store.common);
        for (const { content } of chunk) characters += content.length;
        if (characters > CHARACTERS_PER_SLICE) {
          characters = 0;
          await nextTurn();
        }
      }
      if (chunks.length > 0) changed.push(...rows);
    }
    return changed;
  }

  /** Sets the bits of the current texts of messages in their chunks. */
  async #mark(state: IndexState, ids: readonly number[]): Promise<void> {
    const { store } = this.#options;
    const messages = ids.length > 0 ? await store.indexed(ids) : [];
    for (let at = 0; at < messages.length && this.#mayContinue; at += EDITS_PER_BATCH) {
      const some = messages.slice(at, at + EDITS_PER_BATCH);
      const rows = new Map((await store.rows(some)).map((row) => [`${row.groupId} ${row.afterId}`, row]));
      const changed = new Set<IndexRow>();
      for (const message of some) {
        const row = rows.get(`${message.group_id} ${message.after_id}`);
        const chunk = row?.ends.findIndex((end) => message.id <= end) ?? -1;
        if (row && chunk >= 0 && markMessage(row, chunk, message, store.common)) changed.add(row);
      }
      if (changed.size > 0 && !(await store.save(state, [...changed]))) return;
      await nextTurn();
    }
  }

  /**
   * Logs a failure. A closed term, an unavailable database or a stop is not one: the next step, here or on the next active node,
   * continues.
   */
  #report(error: unknown): void {
    const isExpected =
      this.#loop.isStopping || error instanceof NotActiveError || error instanceof BlockedError || isUnavailable(error);
    if (!isExpected) this.#failures++;
    this.#options.log[isExpected || this.#failures > 1 ? 'debug' : 'error'](
      { err: error },
      'the search index could not be brought up to date: searches are slower until it is; the node retries',
    );
  }
}
