import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../../../database/query.ts';
import { rowsAfter } from '../../../database/sql/key-range.ts';
import type { Write } from '../../../database/writes/fenced-write.ts';
import type { CommonNgrams } from './common-ngrams.ts';
import { CHUNKS, type IndexedMessage, type IndexRow } from './index-rows.ts';
import { DUE, FOLLOW, LAST_ROW, SAMPLE, SAVE, STATE } from './index-statements.ts';
import { KnownNgrams, type OtherNgrams } from './known-ngrams.ts';
import { indexFormat } from './signatures.ts';

/** The progress of the index. */
export interface IndexState {
  generation: number;
  position: number;
  swept_group: number | null;
  /** The events after the position are not available, or the index has another format: it must be built again. */
  is_lost: boolean;
  /** The n-grams of its messages were not counted yet, and it has enough of them. */
  is_count_due: boolean;
}

/**
 * Groups, each with the id up to which its messages are due for indexing. Later messages have later events, so reading them now
 * would read them twice.
 */
export type GroupsToIndex = readonly { id: number; to: number }[];

/** The work that a batch of events requires. */
export interface IndexChanges {
  /** The number of events, and the position of the last one. */
  count: number;
  position: number;
  /** Groups that have new messages. */
  groups: GroupsToIndex;
  /** Messages of indexed chunks that were edited, or committed after later ones. */
  messages: number[];
}

/** A group, the id up to which it is indexed, and the id up to which it should be. */
export interface IndexedGroup {
  id: number;
  to: number;
  indexed_to: number;
}

type StateRow = IndexState & { other_ngrams: OtherNgrams | null };

interface StoredRow {
  group_id: number;
  after_id: number;
  ends: number[];
  slices: number[];
}

const rowOf = ({ group_id: groupId, after_id: afterId, ends, slices }: StoredRow): IndexRow => ({
  groupId,
  afterId,
  ends,
  slices: Int16Array.from(slices),
});

/** Reads and writes the search index, and the messages that it covers. */
export class IndexStore {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #ngrams = new KnownNgrams();

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /** The common n-grams that the index was built with, as of the last {@link state}. */
  get common(): CommonNgrams {
    return this.#ngrams.common;
  }

  /** Returns the progress; null if the index was never begun. */
  async state(): Promise<IndexState | null> {
    const [row] = await this.#select<StateRow>(STATE, { format: this.#ngrams.format });
    if (!row) return null;
    const { other_ngrams: others, is_lost, ...state } = row;
    return { ...state, is_lost: is_lost || (others !== null && !this.#ngrams.adopt(others)) };
  }

  /** Returns the work that the next events require; null if there are no more events. */
  async changesAfter(position: number, limit: number): Promise<IndexChanges | null> {
    const [row] = await this.#select<IndexChanges>(FOLLOW, { after: position, limit });
    return row && row.count > 0 ? row : null;
  }

  /** Returns the next groups after an id. */
  async groupsAfter(id: number, limit: number): Promise<GroupsToIndex> {
    const rows = await this.#select<{ id: number }>(
      'SELECT id FROM plantao.groups WHERE id > $id ORDER BY id LIMIT $limit',
      { id, limit },
    );
    return rows.map((row) => ({ id: row.id, to: Number.MAX_SAFE_INTEGER }));
  }

  /** Returns the groups among these that have enough unindexed messages. */
  due(groups: GroupsToIndex): Promise<IndexedGroup[]> {
    if (groups.length === 0) return Promise.resolve([]);
    return this.#select<IndexedGroup>(DUE, { ids: groups.map(({ id }) => id), tos: groups.map(({ to }) => to) });
  }

  /** Returns the newest row of each group among these, if that row has room for a chunk. */
  async openRows(ids: readonly number[]): Promise<Map<number, IndexRow>> {
    const rows = await this.#select<StoredRow>(
      `SELECT g.id AS group_id, s.after_id, to_json(s.ends) AS ends, to_json(s.slices) AS slices
       FROM unnest($ids::bigint[]) AS g (id) CROSS JOIN LATERAL (${LAST_ROW}) s
       WHERE cardinality(s.ends) < ${CHUNKS}`,
      { ids },
    );
    return new Map(rows.map((row) => [row.group_id, rowOf(row)]));
  }

  /** Returns the next unindexed messages of each of these groups, in the order of their ids. */
  unindexed(groups: readonly IndexedGroup[], maxPerGroup: number): Promise<IndexedMessage[]> {
    return this.#select<IndexedMessage>(
      `SELECT m.* FROM unnest($ids::bigint[], $after::bigint[], $tos::bigint[]) AS g (id, indexed_to, to_id)
       CROSS JOIN LATERAL (
         SELECT m.id, m.group_id, m.sender_id, m.content FROM plantao.messages m
         WHERE ${rowsAfter(['m.group_id', 'm.id'], 'g.id', 'g.indexed_to')}
         ORDER BY m.group_id, m.id LIMIT $maxPerGroup) m
       WHERE m.id <= g.to_id`,
      {
        ids: groups.map(({ id }) => id),
        after: groups.map(({ indexed_to }) => indexed_to),
        tos: groups.map(({ to }) => to),
        maxPerGroup,
      },
    );
  }

  /** Returns the messages among these that are in indexed chunks, each with its row. */
  indexed(ids: readonly number[]) {
    return this.#select<IndexedMessage & { after_id: number }>(
      `SELECT m.id, m.sender_id, m.content, m.group_id, s.after_id
       FROM plantao.messages m
       CROSS JOIN LATERAL (
         SELECT r.after_id, r.last_id FROM plantao.message_search r
         WHERE r.group_id = m.group_id AND r.after_id < m.id
         ORDER BY r.after_id DESC LIMIT 1) s
       WHERE m.id = ANY($ids::bigint[]) AND s.last_id >= m.id`,
      { ids },
    );
  }

  /** Returns the rows with these keys. */
  async rows(of: readonly { group_id: number; after_id: number }[]): Promise<IndexRow[]> {
    const rows = await this.#select<StoredRow>(
      `SELECT group_id, after_id, to_json(ends) AS ends, to_json(slices) AS slices FROM plantao.message_search
       WHERE (group_id, after_id) IN (SELECT * FROM unnest($groupIds::bigint[], $afterIds::bigint[]))`,
      { groupIds: of.map(({ group_id }) => group_id), afterIds: of.map(({ after_id }) => after_id) },
    );
    return rows.map(rowOf);
  }

  /** Stores rows, new or changed. Returns false if the index has been restarted since `generation`. */
  save({ generation }: IndexState, rows: readonly IndexRow[]): Promise<boolean> {
    return this.#change(generation, async (transaction) => {
      const bind = {
        groupIds: rows.map(({ groupId }) => groupId),
        afterIds: rows.map(({ afterId }) => afterId),
        ends: rows.map(({ ends }) => `{${ends}}`),
        slices: rows.map(({ slices }) => `{${slices}}`),
      };
      await query(transaction, SAVE, bind);
    });
  }

  /** Records the progress. */
  advance({ generation, ...state }: IndexState, to: { position?: number; sweptGroup?: number | null }) {
    const position = to.position ?? state.position;
    const sweptGroup = to.sweptGroup === undefined ? state.swept_group : to.sweptGroup;
    return this.#change(generation, async (transaction) => {
      await query(
        transaction,
        `UPDATE plantao.search_index
         SET position = $position, swept_group = $sweptGroup, updated_at = clock_timestamp()`,
        { position, sweptGroup },
      );
    });
  }

  /** Returns the texts of a sample of the messages: at most `limit`, of many groups if these have enough. */
  async sample(limit: number): Promise<string[]> {
    for (let perGroup = 64; ; perGroup *= 16) {
      const rows = await this.#select<{ content: string }>(SAMPLE, { perGroup, limit });
      if (rows.length >= limit / 2 || perGroup >= limit) return rows.map(({ content }) => content);
    }
  }

  /** Begins the index again, in this program's format with these common n-grams. */
  async rebuild(common: CommonNgrams): Promise<void> {
    await this.#write(async (transaction) => {
      await query(transaction, 'SELECT plantao.rebuild_search()');
      await query(
        transaction,
        'UPDATE plantao.search_index SET format = $format, common_ngrams = $common::text::integer[]',
        { format: indexFormat(common), common: common.stored && `{${common.stored}}` },
      );
    });
  }

  #select<Row extends object>(sql: string, bind: Record<string, unknown>): Promise<Row[]> {
    return query<Row>(this.#sequelize, sql, bind);
  }

  /**
   * Runs a write under the node's term, unless the index was begun again. Its commit does not wait for the disk or a standby: no
   * client depends on it, and after a crash the rows and the position are both from the same earlier commit.
   */
  #change(generation: number, work: (transaction: Transaction) => Promise<void>): Promise<boolean> {
    return this.#write(async (transaction) => {
      const locked = await query(
        transaction,
        `SELECT set_config('synchronous_commit', 'off', true) FROM plantao.search_index
         WHERE generation = $generation FOR UPDATE`,
        { generation },
      );
      if (locked.length > 0) await work(transaction);
      return locked.length > 0;
    });
  }
}
