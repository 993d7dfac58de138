import { setImmediate as nextTurn } from 'node:timers/promises';
import { BackgroundLoop } from '../../../async/background-loop.ts';
import { backoffDelay } from '../../../async/backoff.ts';
import { BlockedError } from '../../../database/checks/blocking.ts';
import { isUnavailable } from '../../../database/errors.ts';
import { NotActiveError } from '../../../database/writes/fenced-write.ts';
import type { Log } from '../../../log/log.ts';
import {
  appendChunk,
  chunksOf,
  type IndexedMessage,
  type IndexPart,
  type IndexRow,
  markMessage,
  type Segment,
} from './index-rows.ts';
import type { GroupsToIndex, IndexedGroup, IndexState, IndexStore } from './index-store.ts';

/** Options of {@link SearchIndexer}. */
export interface SearchIndexerOptions {
  store: IndexStore;
  log: Log;
  /** Returns true while this node is active. The database checks the term at each write. */
  isActive: () => boolean;
}

/** How often the indexer reads a log that grows. It is not urgent: a search reads unindexed messages directly. */
const INTERVAL_MS = 1000;
/** Longest delay while the log does not grow: an idle service costs its machine and its database little. */
const MAX_IDLE_DELAY_MS = 8000;
/** Longest delay after failed steps. */
const MAX_DELAY_MS = 60_000;
/** Shortest pause between two steps. */
const PAUSE_MS = 25;
/** A pause is this many times as long as the step before it, so that posts find the processor and the disk idle. */
const PAUSE_FACTOR = 2;
/** Number of events that a step processes. */
const EVENTS_PER_STEP = 2000;
/** Number of groups that a step checks while the index is built. */
const GROUPS_PER_STEP = 50;
/** Number of groups whose messages one statement reads. */
const GROUPS_PER_BATCH = 8;
/**
 * Number of messages that it reads, for all these groups together: for each as many as fill a row, so that a row is written once.
 */
const MESSAGES_PER_BATCH = 2048;
/** Number of edited messages that one statement reads: each may be in a different row and segment, of 20 and 16 KB as text. */
const EDITS_PER_BATCH = 64;
/** Number of characters indexed before the event loop runs other work: about a millisecond. */
const CHARACTERS_PER_SLICE = 16_384;

/** Rows or segments by group and id. */
const byKey = <Entry extends { groupId: number; afterId: number }>(entries: readonly Entry[]) =>
  new Map(entries.map((entry) => [`${entry.groupId} ${entry.afterId}`, entry]));

/**
 * Keeps the search index up to date while this node is active: follows the event log, and goes through all groups to build a
 * new index. Every step can be repeated, so a stop or a failover loses nothing.
 */
export class SearchIndexer {
  readonly #options: SearchIndexerOptions;
  readonly #loop: BackgroundLoop;
  #failures = 0;
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
    if (!state || state.is_lost) {
      log.info({ event: 'search_rebuild' }, 'building the search index: searches are slower until it is complete');
      await store.rebuild();
      return true;
    }
    const followed = await this.#follow(state);
    if (followed > 0) this.#idleRounds = 0;
    if (!this.#mayContinue) return false;
    if (state.swept_group === null) return followed === EVENTS_PER_STEP;
    await this.#sweep(state.swept_group);
    return true;
  }

  /** Indexes the messages of the next events. Returns the number of events. */
  async #follow(state: IndexState): Promise<number> {
    const { store } = this.#options;
    const changes = await store.changesAfter(state.position, EVENTS_PER_STEP);
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
    const groups = await store.groupsAfter(after, GROUPS_PER_STEP);
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
        if (!(await store.save(state, await this.#nextPart(groups)))) return;
      }
      rest = due;
    }
  }

  /** Returns the rows and segments of groups with their next messages. */
  async #nextPart(groups: readonly IndexedGroup[]): Promise<IndexPart> {
    const { store } = this.#options;
    const open: IndexPart = { rows: await store.openRows(groups), segments: await store.openSegments(groups) };
    const messages = new Map<number, IndexedMessage[]>(groups.map(({ id }) => [id, []]));
    for (const message of await store.unindexed(groups, Math.floor(MESSAGES_PER_BATCH / groups.length)))
      messages.get(message.group_id)?.push(message);
    const changed: IndexPart = { rows: [], segments: [] };
    let characters = 0;
    for (const { id, indexed_to } of groups) {
      const isOwn = ({ groupId }: { groupId: number }) => groupId === id;
      const part = { rows: open.rows.filter(isOwn), segments: open.segments.filter(isOwn) };
      const chunks = chunksOf(messages.get(id) ?? []);
      for (const chunk of chunks) {
        appendChunk(part, indexed_to, chunk);
        for (const { content } of chunk) characters += content.length;
        if (characters > CHARACTERS_PER_SLICE) {
          characters = 0;
          await nextTurn();
        }
      }
      if (chunks.length === 0) continue;
      changed.rows.push(...part.rows);
      changed.segments.push(...part.segments);
    }
    return changed;
  }

  /** Sets the bits of the current texts of messages in their chunks and segments. */
  async #mark(state: IndexState, ids: readonly number[]): Promise<void> {
    const { store } = this.#options;
    const messages = ids.length > 0 ? await store.indexed(ids) : [];
    for (let at = 0; at < messages.length && this.#mayContinue; at += EDITS_PER_BATCH) {
      const some = messages.slice(at, at + EDITS_PER_BATCH);
      const rows = byKey(await store.rows(some.map((one) => ({ groupId: one.group_id, afterId: one.row_after }))));
      const segments = byKey(
        await store.segments(some.map((one) => ({ groupId: one.group_id, afterId: one.segment_after }))),
      );
      const changed = { rows: new Set<IndexRow>(), segments: new Set<Segment>() };
      for (const message of some) {
        const row = rows.get(`${message.group_id} ${message.row_after}`);
        const segment = segments.get(`${message.group_id} ${message.segment_after}`);
        const chunk = row?.ends.findIndex((end) => message.id <= end) ?? -1;
        if (!row || !segment || chunk < 0 || !markMessage({ row, segment }, chunk, message)) continue;
        changed.rows.add(row);
        changed.segments.add(segment);
      }
      if (
        changed.rows.size > 0 &&
        !(await store.save(state, { rows: [...changed.rows], segments: [...changed.segments] }))
      )
        return;
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
