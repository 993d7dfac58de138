import { type Sequelize, Transaction } from 'sequelize';
import { FairSemaphore } from '../../async/fair-semaphore.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import { query } from '../../database/query.ts';
import { rowsUpTo } from '../../database/sql/key-range.ts';
import { Refused } from '../errors.ts';
import { type Candidate, Candidates } from './candidates.ts';
import { type FoundMessage, type FoundRow, foundMessages } from './found-messages.ts';
import { probeIndex } from './indexing/index-probe.ts';
import { CHUNK, SEGMENT_ROWS } from './indexing/index-rows.ts';
import { requiredHashes } from './indexing/signatures.ts';
import { patternOf } from './search-pattern.ts';
import type { SearchTerm } from './search-query.ts';
import { searchScope } from './search-scope.ts';

/** The query of a search, and the messages to search in. */
export interface MessageSearchOptions {
  /** Only messages of groups that this user is in. */
  userId: number;
  terms: readonly SearchTerm[];
  groupId?: number | undefined;
  senderId?: number | undefined;
  before?: number | undefined;
  limit: number;
}

/** A page, newest first. */
export interface FoundPage {
  messages: FoundMessage[];
  /** The id before which the next page begins; null if everything was searched. */
  nextBefore: number | null;
  /** True if the search stopped at its time limit, before it had filled the page. */
  isPartial: boolean;
}

/** How far a search has come. */
interface Progress {
  /** Only messages before this id are searched. */
  before: number;
  candidates: Candidates;
}

const { REPEATABLE_READ } = Transaction.ISOLATION_LEVELS;

/** The limits of one search. */
const LIMITS = {
  /** After this time, in milliseconds, a search returns what it has found. Its last statement may take as long again. */
  timeMs: 500,
  /** Number of messages that one statement reads: a few milliseconds of work. */
  messagesAtOnce: 8192,
  /** Number of segments or rows of the index that one statement returns: a few milliseconds of work. */
  entriesAtOnce: 4096,
};
/** The limits of the first statements: enough for a common word. Each later statement doubles them. */
const FIRST = { messages: 1024, entries: 512 };
/** The maximum number of groups that the first statements read from. */
const GROUPS_AT_ONCE = 512;
/** Few searches run at once, so that other requests find free connections; the number of waiting ones is limited too. */
const SEARCHES = { concurrency: 2, queuedPerSource: 8, queued: 128, maxWaitMs: 3000 };
const TOO_MANY = 'too many searches are running: try again in a few seconds';
const TOO_SLOW = 'the database is too slow for this search at the moment: try again, or search in one group';

/**
 * Reads the newest messages of each candidate. Returns the matches and, if the limit was reached, the last message that was read.
 */
const readQuery = (conditions: readonly string[]) => `
  SELECT c.number::int, m.id, m.is_found, m.number = c.max AS is_last
  FROM unnest($groups::bigint[], $froms::bigint[], $tos::bigint[], $limits::int[]) WITH ORDINALITY AS c (group_id, from_id, to_id, max, number)
  CROSS JOIN LATERAL (
    SELECT m.id, ${conditions.join(' AND ')} AS is_found, row_number() OVER (ORDER BY m.id DESC) AS number
    FROM (
      SELECT m.id, m.sender_id, m.content FROM plantao.messages m
      WHERE ${rowsUpTo(['m.group_id', 'm.id'], 'c.group_id', 'c.to_id')}
      ORDER BY m.group_id DESC, m.id DESC LIMIT c.max
    ) m WHERE m.id >= c.from_id
  ) m
  WHERE m.is_found OR m.number = c.max`;

/**
 * Loads the found messages. Checks the memberships again, because only this statement returns texts. Each OFFSET 0 makes
 * PostgreSQL look up the messages by their ids: it may otherwise read all messages of the user's groups, and keep those that have
 * one of the ids.
 */
const LOAD = `
  SELECT m.id, m.group_id, g.name AS group_name, m.sender_id, u.username AS sender, u.is_hook, m.content,
         m.created_at, m.edited_at
  FROM unnest($ids::bigint[]) AS found (id)
  CROSS JOIN LATERAL (SELECT * FROM plantao.messages WHERE id = found.id OFFSET 0) m
  CROSS JOIN LATERAL (SELECT name FROM plantao.groups WHERE id = m.group_id OFFSET 0) g
  CROSS JOIN LATERAL (SELECT FROM plantao.memberships WHERE group_id = m.group_id AND user_id = $userId OFFSET 0) own
  CROSS JOIN LATERAL (SELECT username, is_hook FROM plantao.users WHERE id = m.sender_id OFFSET 0) u
  ORDER BY m.id DESC`;

/**
 * Searches the messages of a user's groups, newest first, within a time limit: a search that reaches it returns how far it has
 * read. All searches together use at most two connections of the pool.
 */
export class MessageSearch {
  readonly #sequelize: Sequelize;
  readonly #searches = new FairSemaphore(SEARCHES, () => new Refused('overloaded', { sentence: TOO_MANY }));
  readonly #limits: typeof LIMITS;

  constructor(sequelize: Sequelize, limits: Partial<typeof LIMITS> = {}) {
    this.#sequelize = sequelize;
    this.#limits = { ...LIMITS, ...limits };
  }

  /**
   * Returns a page of the messages that contain all terms. `source` is the client. @throws {Refused} user_not_found, not_a_member,
   * overloaded.
   */
  find(options: MessageSearchOptions, source = ''): Promise<FoundPage> {
    return this.#searches.run({ source, subject: String(options.userId) }, () => this.#find(options));
  }

  async #find(options: MessageSearchOptions): Promise<FoundPage> {
    const progress: Progress = { before: Number.POSITIVE_INFINITY, candidates: new Candidates([]) };
    const isComplete = await this.#inTime((transaction) => this.#search(options, progress, transaction));
    const { before, candidates } = progress;
    const { certain, readFrom } = candidates;
    if (!isComplete && certain.length === 0 && (readFrom >= before || before === Number.POSITIVE_INFINITY))
      throw new Refused('overloaded', { sentence: TOO_SLOW });
    const ids = certain.slice(0, options.limit);
    const hasMore = certain.length > options.limit;
    return {
      messages: await this.#load(ids, options),
      nextBefore: hasMore ? (ids.at(-1) ?? null) : isComplete ? null : readFrom,
      isPartial: !isComplete && !hasMore,
    };
  }

  /**
   * Reads the index and messages, the newest first, until the page is complete. Returns false if the time runs out first. A
   * statement that reads messages is worth its cost for many chunks: until there are enough, the index is read further, within
   * limits.
   */
  async #search(options: MessageSearchOptions, progress: Progress, transaction: Transaction): Promise<boolean> {
    // The time counts from here: the wait for a free connection does not count.
    const deadline = performance.now() + this.#limits.timeMs;
    const scope = await searchScope(transaction, options);
    progress.before = scope.before;
    progress.candidates = new Candidates(scope.candidates);
    const { candidates } = progress;
    const hashes = requiredHashes(options.terms, options.senderId);
    const limits = { ...FIRST };
    let isFirst = true;
    while (candidates.certain.length <= options.limit && candidates.readFrom > 1) {
      if (performance.now() > deadline) return false;
      // The first statement reads messages that are not indexed yet. Later ones read chunks, as many as one can read completely.
      const chunks = Math.ceil(limits.messages / CHUNK);
      const toRead = candidates.toRead(isFirst ? GROUPS_AT_ONCE : chunks);
      const toProbe = candidates.toProbe({ segments: GROUPS_AT_ONCE, rows: limits.entries / SEGMENT_ROWS });
      const isEnough = isFirst || toRead.length >= chunks || limits.entries === this.#limits.entriesAtOnce;
      isFirst = false;
      if (toRead.length > 0 && (isEnough || toProbe.length === 0)) {
        await this.#read(candidates, toRead, limits.messages, options, transaction);
        limits.messages = Math.min(2 * limits.messages, this.#limits.messagesAtOnce);
      } else {
        candidates.report(toProbe, [], await probeIndex(transaction, toProbe, hashes, limits.entries));
        limits.entries = Math.min(2 * limits.entries, this.#limits.entriesAtOnce);
      }
    }
    return true;
  }

  /** Runs statements with the time limit of a search. Returns false if it was reached. */
  async #inTime(work: (transaction: Transaction) => Promise<boolean>): Promise<boolean> {
    try {
      // One snapshot, so that messages which are indexed meanwhile are neither missed nor read twice.
      return await this.#sequelize.transaction({ isolationLevel: REPEATABLE_READ }, async (transaction) => {
        await query(
          transaction,
          `SELECT set_config('statement_timeout', $limit, true), set_config('enable_seqscan', 'off', true),
                  set_config('enable_bitmapscan', 'off', true)`,
          { limit: String(this.#limits.timeMs) },
        );
        return work(transaction);
      });
    } catch (error) {
      if (sqlState(error) === SqlState.QUERY_CANCELED) return false;
      throw error;
    }
  }

  async #read(
    candidates: Candidates,
    ranges: readonly Candidate[],
    messages: number,
    of: MessageSearchOptions,
    transaction: Transaction,
  ): Promise<void> {
    const maxEach = Math.max(CHUNK + 1, Math.floor(messages / ranges.length));
    const patterns = Object.fromEntries(of.terms.map((term, at) => [`pattern${at}`, patternOf(term)]));
    const conditions = [
      ...(of.senderId === undefined ? [] : ['m.sender_id = $senderId']),
      ...Object.keys(patterns).map((name) => `m.content COLLATE "C" ~ $${name}`),
    ];
    const rows = await query<{ number: number; id: number; is_found: boolean; is_last: boolean }>(
      transaction,
      readQuery(conditions),
      {
        ...patterns,
        ...(of.senderId !== undefined && { senderId: of.senderId }),
        groups: ranges.map(({ groupId }) => groupId),
        froms: ranges.map(({ from }) => from),
        tos: ranges.map(({ to }) => to),
        // One more than the chunk has, so that only an incomplete read reaches the limit.
        limits: ranges.map(({ size }) => Math.min(maxEach, (size ?? maxEach) + 1)),
      },
    );
    const left = rows.flatMap(({ number, id, is_last }) => {
      const candidate = ranges[number - 1];
      if (!is_last || !candidate) return [];
      const { groupId, from, level } = candidate;
      return [{ groupId, from, to: id - 1, level }];
    });
    candidates.report(
      ranges,
      rows.filter(({ is_found }) => is_found).map(({ id }) => id),
      left,
    );
  }

  async #load(ids: readonly number[], { userId, terms }: MessageSearchOptions): Promise<FoundMessage[]> {
    if (ids.length === 0) return [];
    const rows = await query<FoundRow>(this.#sequelize, LOAD, { ids, userId });
    return foundMessages(rows, terms);
  }
}
