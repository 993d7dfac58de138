import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../../../database/query.ts';
import { rowsAfter } from '../../../database/sql/key-range.ts';
import type { Write } from '../../../database/writes/fenced-write.ts';
import type { IndexedMessage, IndexPart, IndexRow, Segment } from './index-rows.ts';
import {
  DUE,
  FOLLOW,
  INDEXED,
  OPEN_ROWS,
  OPEN_SEGMENTS,
  REMOVE_UNFIT,
  ROW,
  SAVE,
  SEGMENT,
  STATE,
} from './index-statements.ts';
import { indexFormat } from './signatures.ts';

/** The progress of the index. */
export interface IndexState {
  generation: number;
  position: number;
  swept_group: number | null;
  /** The events after the position are not available, or the index has another format: it must be built again. */
  is_lost: boolean;
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

type StoredRow = Omit<IndexRow, 'slices'> & { slices: number[] };

const rowOf = (row: StoredRow): IndexRow => ({ ...row, slices: Int16Array.from(row.slices) });

/** An indexed message, and after which ids its row and its segment begin. */
export interface PlacedMessage extends IndexedMessage {
  row_after: number;
  segment_after: number;
}

const bindOf = (groups: readonly IndexedGroup[]) => ({
  ids: groups.map(({ id }) => id),
  indexedTos: groups.map(({ indexed_to }) => indexed_to),
});

/** The keys of rows or segments. */
type Keys = readonly { groupId: number; afterId: number }[];
const keyArrays = (keys: Keys) => ({
  groupIds: keys.map(({ groupId }) => groupId),
  afterIds: keys.map(({ afterId }) => afterId),
});

/** Reads and writes the search index, and the messages that it covers. */
export class IndexStore {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /** Returns the progress; null if there is no index. */
  async state(): Promise<IndexState | null> {
    const [state] = await this.#select<IndexState>(STATE, { format: indexFormat() });
    return state ?? null;
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

  /** Returns the rows to which the next chunks of these groups are appended, if they are not full. */
  async openRows(groups: readonly IndexedGroup[]): Promise<IndexRow[]> {
    return (await this.#select<StoredRow>(OPEN_ROWS, bindOf(groups))).map(rowOf);
  }

  /** Returns the segments to which the next chunks of these groups are appended, if they are not full. */
  openSegments(groups: readonly IndexedGroup[]): Promise<Segment[]> {
    return this.#select<Segment>(OPEN_SEGMENTS, bindOf(groups));
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

  /** Returns the messages among these that are indexed, each with the keys of its row and its segment. */
  indexed(ids: readonly number[]): Promise<PlacedMessage[]> {
    return this.#select<PlacedMessage>(INDEXED, { ids });
  }

  /** Returns the rows with these keys. */
  async rows(keys: Keys): Promise<IndexRow[]> {
    const rows = await this.#select<StoredRow>(
      `SELECT ${ROW} FROM plantao.message_search r
       WHERE (group_id, after_id) IN (SELECT * FROM unnest($groupIds::bigint[], $afterIds::bigint[]))`,
      keyArrays(keys),
    );
    return rows.map(rowOf);
  }

  /** Returns the segments with these keys. */
  segments(keys: Keys): Promise<Segment[]> {
    return this.#select<Segment>(
      `SELECT ${SEGMENT} FROM plantao.search_segments s
       WHERE (group_id, after_id) IN (SELECT * FROM unnest($groupIds::bigint[], $afterIds::bigint[]))`,
      keyArrays(keys),
    );
  }

  /** Stores rows and segments, new or changed. Returns false if a rebuild was started since `generation`. */
  save({ generation }: IndexState, { rows, segments }: IndexPart): Promise<boolean> {
    return this.#change(generation, async (transaction) => {
      const [ofRows, ofSegments] = [keyArrays(rows), keyArrays(segments)];
      const begun = rows.filter(({ afterId }) => afterId === 0).map(({ groupId }) => groupId);
      for (const statement of begun.length > 0 ? REMOVE_UNFIT : [])
        await query(transaction, statement, { groupIds: begun });
      await query(transaction, SAVE, {
        ...ofRows,
        ends: rows.map(({ ends }) => `{${ends}}`),
        slices: rows.map(({ slices }) => `{${slices}}`),
        segmentGroupIds: ofSegments.groupIds,
        segmentAfterIds: ofSegments.afterIds,
        segmentLastIds: segments.map(({ lastId }) => lastId),
        segmentChunks: segments.map(({ chunks }) => chunks),
        segmentBits: segments.map(({ bits }) => Buffer.from(bits).toString('hex')),
      });
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

  /** Discards the index and begins a new one, in this program's format. */
  async rebuild(): Promise<void> {
    await this.#write(async (transaction) => {
      await query(transaction, 'SELECT plantao.rebuild_search()');
      await query(transaction, 'UPDATE plantao.search_index SET format = $format', { format: indexFormat() });
    });
  }

  #select<Row extends object>(sql: string, bind: Record<string, unknown>): Promise<Row[]> {
    return query<Row>(this.#sequelize, sql, bind);
  }

  /**
   * Runs a write under the node's term, unless a rebuild was started. Its commit does not wait for the disk or a standby: no
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
