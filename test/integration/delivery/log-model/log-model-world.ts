import { expect } from 'chai';
import type pg from 'pg';
import { LogNode } from '../delivery-node.ts';
import { LogModel } from './log-model.ts';
import { Readers } from './log-model-readers.ts';
import { type Cast, type Write, Writes } from './log-model-writes.ts';

/** A step of a run. The numbers are random and taken modulo what exists. */
export type Step =
  | Write
  | { do: 'read' | 'restart'; node: number }
  | { do: 'poll'; reader: number; node: number }
  | { do: 'turn'; reader: number; group: number };

/** The readers of {@link World}: three users, two of a group, two of its name, and one of the name of another group. */
export const READERS = 8;
/** The reader of the name of another group. */
export const BY_OTHER_NAME = 7;
/** Few events in memory, so that reads from memory, from the database and across both all occur. */
const MAX_IN_MEMORY = 8;
/** So small that a node which lags by a few events fast-forwards in several pages. */
const SIZES = { page: 1, span: 4, ahead: 1 };
const NODES = 2;

/** Two nodes that read one log, readers that move between them, and the model to compare with. */
export class World {
  readonly model: LogModel;
  readonly readers: Readers;
  readonly #url: string;
  readonly #sql: pg.Client;
  readonly #writes: Writes;
  readonly #nodes: LogNode[];

  private constructor(url: string, clients: [pg.Client, pg.Client], cast: Cast, model: LogModel, nodes: LogNode[]) {
    this.#url = url;
    this.#sql = clients[1];
    this.model = model;
    this.#nodes = nodes;
    this.#writes = new Writes(clients, cast, model);
    const [one = 0, two = 0] = cast.users;
    const [group, other] = model.groups;
    const readings = [
      ...cast.users.map((userId) => ({ userId, of: null })),
      { userId: null, of: group?.id ?? 0 },
      { userId: null, of: group?.name ?? '' },
      { userId: one, of: group?.id ?? 0 },
      { userId: two, of: group?.name ?? '' },
      // No reader names this group by its id: a node that lags finds it by its name alone, also by a former one.
      { userId: null, of: other?.name ?? '' },
    ];
    expect(readings).to.have.length(READERS);
    this.readers = new Readers(readings, nodes[0]?.log.known.cursorAt(model.head) ?? '', model, clients[1]);
  }

  /** Starts where the log ends now, with users and groups of its own. The nodes are shared by all runs. */
  static async begin(url: string, clients: [pg.Client, pg.Client], nodes: LogNode[], run: number): Promise<World> {
    const names = [1, 2, 3].map((number) => `g${run} ${number}`);
    const { rows } = await clients[0].query<Omit<Cast, 'names'> & { groups: number[]; head: number }>(
      `WITH u AS (INSERT INTO plantao.users (username) SELECT 'u' || $1 || ' ' || n FROM generate_series(1, 3) n RETURNING id),
            c AS (INSERT INTO plantao.users (username) VALUES ('c' || $1) RETURNING id),
            g AS (INSERT INTO plantao.groups (name, shows_reads, creator_id)
                  SELECT n.name, n.number = 2, c.id FROM c, unnest($2::text[]) WITH ORDINALITY n (name, number)
                  WHERE n.number <= 2 RETURNING id)
       SELECT (SELECT json_agg(id ORDER BY id) FROM u) AS users, (SELECT json_agg(id ORDER BY id) FROM g) AS groups,
              (SELECT id FROM c) AS creator, plantao.log_head() AS head`,
      [String(run), names],
    );
    const [row] = rows;
    if (!row) throw new Error('no user was created');
    while (nodes.length < NODES) nodes.push(await LogNode.start({ url, maxInMemory: MAX_IN_MEMORY, sizes: SIZES }));
    for (const node of nodes) await node.log.read();
    const model = new LogModel(row.head);
    for (const [at, id] of row.groups.entries()) model.create(id, names[at] ?? '', at === 1);
    return new World(url, clients, { ...row, names }, model, nodes);
  }

  /** Ends all polls. The nodes stay for the next run. */
  end(): void {
    this.readers.end();
  }

  /** Runs some steps at the same time, then compares everything that was delivered meanwhile. */
  async take(steps: readonly Step[]): Promise<void> {
    // Waits for all steps even if one fails: the next run must not find half a transaction.
    const outcomes = await Promise.allSettled(steps.map((step) => this.#step(step)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    await this.readers.compare();
  }

  /** Lets every reader read to the end of the log, on either node. */
  async settle(): Promise<void> {
    for (const node of this.#nodes) await node.log.read();
    await this.readers.settle((reader) => this.#node(reader));
    for (const node of this.#nodes) expect(node.log.known.head).to.equal(this.model.head);
    await this.readers.compare();
    await this.#compareLog();
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'read':
        return this.#node(step.node).log.read();
      case 'restart':
        return this.#restart(step.node % NODES);
      case 'poll':
        return this.readers.poll(step.reader, this.#node(step.node));
      case 'turn': {
        const { alive } = this.model;
        const group = alive[step.group % alive.length];
        return group && this.readers.turn(step.reader, group.id);
      }
      default:
        return this.#writes.make(step);
    }
  }

  #node(number: number): LogNode {
    return this.#nodes[number % NODES] as LogNode;
  }

  async #restart(at: number): Promise<void> {
    const old = this.#node(at);
    const started = LogNode.start({ url: this.#url, maxInMemory: MAX_IN_MEMORY, sizes: SIZES });
    await old.stop();
    this.#nodes[at] = await started;
  }

  /** Compares the log in the database with the model, as far as retention has left it. */
  async #compareLog(): Promise<void> {
    const { rows } = await this.#sql.query(
      `SELECT position, kind, group_id AS "groupId", group_name AS "groupName", topic, user_id AS "userId", message_id AS "messageId"
       FROM plantao.event_feed WHERE position > $1 ORDER BY position`,
      [this.model.floor],
    );
    const expected = this.model.entries.filter(({ position }) => position > this.model.floor);
    for (const [at, { members, goneAt, ...row }] of expected.entries()) {
      expect(rows[at], `${JSON.stringify(rows[at])} instead of ${JSON.stringify(row)}`).to.deep.equal(row);
    }
    expect(rows).to.have.length(expected.length);
  }
}
