import { expect } from 'chai';
import type pg from 'pg';
import { GroupOrNameAudience, UserAudience } from '../../../../src/chat/delivery/audiences.ts';
import { Refused } from '../../../../src/chat/errors.ts';
import { CursorExpiredError, parseCursor } from '../../../../src/events/cursor.ts';
import { type DirectPoll, LogNode } from '../delivery-node.ts';
import { LogModel, type LogRecord, type Reading } from './log-model.ts';

/** A step of a run. The numbers are random and taken modulo what exists. */
export type Step =
  | { do: 'post' | 'rollBack' | 'crossing'; user: number; group: number }
  | { do: 'join' | 'leave'; user: number; group: number }
  | { do: 'edit' | 'react' | 'delete'; message: number }
  | { do: 'markRead' | 'changeRole'; user: number; group: number }
  | { do: 'describe'; group: number }
  | { do: 'rename'; user: number }
  | { do: 'notify'; group: number }
  | { do: 'broadcast' }
  | { do: 'retain'; events: number }
  | { do: 'read' | 'restart'; node: number }
  | { do: 'newEpoch' }
  | { do: 'poll'; reader: number; node: number };

interface Reader {
  reading: Reading;
  cursor: string;
  waiting: { poll: DirectPoll; node: LogNode } | null;
}

/** Few events in memory, so that reads from memory, from the database and across both all occur. */
const MAX_IN_MEMORY = 8;
/** So small that a node which lags by a few events fast-forwards in several pages. */
const SIZES = { page: 1, span: 4, ahead: 1 };
const NODES = 2;

/** Two nodes that read one log, readers that move between them, and the model to compare with. */
export class World {
  readonly model: LogModel;
  /** Events delivered to all readers together. */
  told = 0;
  readonly #url: string;
  readonly #clients: [pg.Client, pg.Client];
  readonly #users: number[];
  readonly #messages: number[] = [];
  readonly #nodes: LogNode[];
  readonly #readers: Reader[];

  private constructor(
    url: string,
    clients: [pg.Client, pg.Client],
    users: number[],
    model: LogModel,
    nodes: LogNode[],
  ) {
    this.#url = url;
    this.#clients = clients;
    this.#users = users;
    this.model = model;
    this.#nodes = nodes;
    const [one = 0, two = 0] = users;
    const [group] = model.groups;
    const readings: Reading[] = [
      ...users.map((userId) => ({ userId, of: null })),
      { userId: null, of: group?.id ?? 0 },
      { userId: null, of: group?.name ?? '' },
      { userId: one, of: group?.id ?? 0 },
      { userId: two, of: group?.name ?? '' },
    ];
    this.#readers = readings.map((reading) => ({ reading, cursor: this.#end(), waiting: null }));
  }

  /** Starts where the log ends now, with users and groups of its own. The nodes are shared by all runs. */
  static async begin(url: string, clients: [pg.Client, pg.Client], nodes: LogNode[], run: number): Promise<World> {
    const { rows } = await clients[0].query<{ users: number[]; groups: number[]; head: number }>(
      `WITH u AS (INSERT INTO plantao.users (username) SELECT 'u' || $1 || ' ' || n FROM generate_series(1, 3) n RETURNING id),
            -- A creator who never joins: the group stays without an owner, and no departure hands it over.
            c AS (INSERT INTO plantao.users (username) VALUES ('c' || $1) RETURNING id),
            g AS (INSERT INTO plantao.groups (name, shows_reads, creator_id)
                  SELECT 'g' || $1 || ' ' || n, n = 2, c.id FROM c, generate_series(1, 2) n RETURNING id)
       SELECT (SELECT json_agg(id ORDER BY id) FROM u) AS users, (SELECT json_agg(id ORDER BY id) FROM g) AS groups,
              plantao.log_head() AS head`,
      [String(run)],
    );
    const [row] = rows;
    if (!row) throw new Error('no user was created');
    while (nodes.length < NODES) nodes.push(await LogNode.start({ url, maxInMemory: MAX_IN_MEMORY, sizes: SIZES }));
    for (const node of nodes) await node.log.read();
    const groups = row.groups.map((id, at) => ({ id, name: `g${run} ${at + 1}` }));
    return new World(url, clients, row.users, new LogModel(groups, row.head), nodes);
  }

  /** Ends all polls. The nodes stay for the next run. */
  end(): void {
    for (const { waiting } of this.#readers) waiting?.poll.leave();
  }

  /** Runs some steps at the same time, then compares everything that was delivered meanwhile. */
  async take(steps: readonly Step[]): Promise<void> {
    // Waits for all steps even if one fails: the next run must not find half a transaction.
    const outcomes = await Promise.allSettled(steps.map((step) => this.#step(step)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    for (const reader of this.#readers) await this.#collect(reader);
    this.#compareTold();
  }

  /** Lets every reader read to the end of the log, on either node. */
  async settle(): Promise<void> {
    for (const node of this.#nodes) await node.log.read();
    for (const [at, reader] of this.#readers.entries()) {
      for (let polls = 0; reader.waiting === null || polls === 0; polls++) {
        expect(polls, 'polls to the end').to.be.below(200);
        await this.#poll(reader, this.#nodes[at % NODES] as LogNode);
      }
    }
    for (const node of this.#nodes) expect(node.log.known.head).to.equal(this.model.head);
    this.#compareTold();
    await this.#compareLog();
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case 'read':
        return (this.#nodes[step.node % NODES] as LogNode).log.read();
      case 'restart':
        return this.#restart(step.node % NODES);
      case 'poll':
        return this.#poll(
          this.#readers[step.reader % this.#readers.length] as Reader,
          this.#nodes[step.node % NODES] as LogNode,
        );
      default:
        return this.#write(step);
    }
  }

  async #write(step: Exclude<Step, { do: 'read' | 'restart' | 'poll' }>): Promise<void> {
    const [one, two] = this.#clients;
    const user = 'user' in step ? (this.#users[step.user % this.#users.length] ?? 0) : 0;
    const group = 'group' in step ? this.model.groups[step.group % this.model.groups.length] : undefined;
    const groupId = group?.id ?? 0;
    switch (step.do) {
      case 'post':
        await this.#insert(one, user, groupId);
        break;
      case 'rollBack':
        await one.query('BEGIN');
        await one.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, 'no')", [
          groupId,
          user,
        ]);
        await one.query('ROLLBACK');
        break;
      case 'crossing': {
        // The transaction that begins first commits last, with an id that it took first.
        await one.query('BEGIN');
        const { rows } = await one.query<{ id: number }>("SELECT nextval('plantao.messages_id_seq') AS id");
        await this.#insert(two, user, groupId);
        await this.#insert(one, user, groupId, rows[0]?.id ?? null);
        await one.query('COMMIT');
        break;
      }
      case 'join': {
        const isNew = !this.model.isMember(groupId, user);
        await one.query('INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
          groupId,
          user,
        ]);
        if (isNew) this.#told('joined', { groupId, userId: user });
        break;
      }
      case 'leave': {
        const wasIn = this.model.isMember(groupId, user);
        await one.query('DELETE FROM plantao.memberships WHERE group_id = $1 AND user_id = $2', [groupId, user]);
        if (wasIn) this.#told('left', { groupId, userId: user });
        break;
      }
      case 'delete': {
        const messageId = this.#messages[step.message % this.#messages.length];
        if (messageId === undefined) break;
        this.#messages.splice(this.#messages.indexOf(messageId), 1);
        const { rows } = await one.query<{ group_id: number }>(
          'DELETE FROM plantao.messages WHERE id = $1 RETURNING group_id',
          [messageId],
        );
        this.#told('message_deleted', { groupId: rows[0]?.group_id ?? 0, messageId });
        break;
      }
      case 'edit': {
        const messageId = this.#messages[step.message % this.#messages.length];
        if (messageId === undefined) break;
        const { rows } = await one.query<{ group_id: number }>(
          "UPDATE plantao.messages SET content = content || '!' WHERE id = $1 RETURNING group_id",
          [messageId],
        );
        this.#told('message_edited', { groupId: rows[0]?.group_id ?? 0, messageId });
        break;
      }
      case 'react': {
        const messageId = this.#messages[step.message % this.#messages.length];
        if (messageId === undefined) break;
        // Adds the reaction, or removes it if it is there.
        const { rows } = await one.query<{ group_id: number }>(
          `WITH removed AS (DELETE FROM plantao.reactions WHERE message_id = $1 AND user_id = $2 RETURNING emoji),
                added AS (INSERT INTO plantao.reactions (message_id, user_id, emoji)
                          SELECT $1, $2, 'ok' WHERE NOT EXISTS (SELECT FROM removed))
           SELECT group_id FROM plantao.messages WHERE id = $1`,
          [messageId, this.#users[0]],
        );
        this.#told('reaction', { groupId: rows[0]?.group_id ?? 0, messageId });
        break;
      }
      case 'markRead': {
        // A mark at the newest message stays there.
        const { rowCount } = await one.query(
          `WITH former AS (SELECT last_read_id FROM plantao.memberships WHERE group_id = $1 AND user_id = $2),
                marked AS (UPDATE plantao.memberships SET last_read_id = last_read_id + 1 WHERE group_id = $1 AND user_id = $2
                           RETURNING last_read_id)
           SELECT FROM former, marked WHERE marked.last_read_id > former.last_read_id`,
          [groupId, user],
        );
        if (rowCount) this.#told('read', { userId: user });
        // The second group shows reads.
        if (rowCount && group === this.model.groups[1]) this.#told('read_by', { groupId });
        break;
      }
      case 'changeRole': {
        const { rowCount } = await one.query(
          `UPDATE plantao.memberships SET role = CASE role WHEN 'admin' THEN 'member' ELSE 'admin' END
           WHERE group_id = $1 AND user_id = $2`,
          [groupId, user],
        );
        if (rowCount) this.#told('role_changed', { groupId });
        break;
      }
      case 'describe':
        await one.query("UPDATE plantao.groups SET description = right(description || 'x', 100) || 'y' WHERE id = $1", [
          groupId,
        ]);
        this.#told('group_changed', { groupId });
        break;
      case 'rename': {
        await one.query("UPDATE plantao.users SET username = 'user ' || id || ' ' || $2 WHERE id = $1", [
          user,
          this.model.head,
        ]);
        const groups = this.model.groups.filter(({ id }) => this.model.isMember(id, user));
        for (const { id } of groups) this.#told('user_renamed', { groupId: id, userId: user });
        if (groups.length === 0) this.#told('user_renamed', { userId: user });
        break;
      }
      case 'notify':
        await one.query('SELECT plantao.notify_group($1)', [group?.name]);
        this.#told('notification', { groupId, topic: group?.name ?? '' });
        break;
      case 'broadcast':
        await one.query("SELECT plantao.notify_group('all')");
        this.#told('broadcast', {});
        break;
      case 'retain':
        await this.#retain(step.events);
        break;
      case 'newEpoch':
        await one.query(`
          UPDATE plantao.epochs SET history = 'another' WHERE number = (SELECT max(number) FROM plantao.epochs);
          SELECT plantao.continue_epoch()`);
        break;
    }
  }

  async #insert(client: pg.Client, user: number, groupId: number, id: number | null = null): Promise<void> {
    const { rows } = await client.query<{ id: number }>(
      `INSERT INTO plantao.messages (id, group_id, sender_id, content)
       VALUES (coalesce($3, nextval('plantao.messages_id_seq')), $1, $2, 'x') RETURNING id`,
      [groupId, user, id],
    );
    const messageId = rows[0]?.id ?? 0;
    this.#messages.push(messageId);
    this.#told('message', { groupId, messageId });
  }

  #told(kind: string, more: Partial<LogRecord>): void {
    this.model.append({ kind, groupId: null, userId: null, messageId: null, topic: null, ...more });
  }

  async #retain(events: number): Promise<void> {
    const floor = Math.max(this.model.floor, this.model.head - events);
    await this.#clients[0].query(
      `WITH gone AS (DELETE FROM plantao.events WHERE position <= $1)
       UPDATE plantao.event_log SET floor = greatest(floor, $1)`,
      [floor],
    );
    this.model.floor = floor;
  }

  async #restart(at: number): Promise<void> {
    const old = this.#nodes[at] as LogNode;
    const started = LogNode.start({ url: this.#url, maxInMemory: MAX_IN_MEMORY, sizes: SIZES });
    await old.stop();
    this.#nodes[at] = await started;
  }

  async #poll(reader: Reader, node: LogNode): Promise<void> {
    if (reader.waiting) {
      if (reader.waiting.poll.isDelivered) return;
      reader.waiting.poll.leave();
      reader.waiting = null;
    }
    const from = parseCursor(reader.cursor);
    const { userId, of } = reader.reading;
    try {
      const memberships = userId === null ? null : await node.memberships.of(userId);
      const audience =
        of === null && memberships ? new UserAudience(memberships) : new GroupOrNameAudience(of ?? '', memberships);
      const { poll, news } = await node.poll(audience, reader.cursor);
      if (news) this.#hear(reader, news.events, news.cursor);
      else reader.waiting = { poll, node };
    } catch (error) {
      // The log was replaced during this poll (503): the client returns with its cursor and loses nothing.
      if (error instanceof Refused && error.code === 'unavailable') return;
      if (!(error instanceof CursorExpiredError)) throw error;
      // The floor may be moving now; the comparison after the steps shows whether it was.
      await this.#expired(reader, error, from.position);
    }
  }

  async #collect(reader: Reader): Promise<void> {
    const { waiting } = reader;
    if (!waiting?.poll.isDelivered) return;
    reader.waiting = null;
    const { events, cursor } = await waiting.poll.delivered;
    this.#hear(reader, events, cursor);
  }

  #hear(reader: Reader, events: Parameters<LogModel['fault']>[3], cursor: string): void {
    const [from, to] = [parseCursor(reader.cursor).position, parseCursor(cursor).position];
    this.#heard.push({ reading: reader.reading, from, to, events });
    reader.cursor = cursor;
  }

  /** Compared after the simultaneous steps, when the model includes them. */
  readonly #heard: { reading: Reading; from: number; to: number; events: Parameters<LogModel['fault']>[3] }[] = [];
  readonly #refused: { reason: string; position: number }[] = [];

  async #expired(reader: Reader, { reason }: CursorExpiredError, position: number): Promise<void> {
    this.#refused.push({ reason, position });
    const { rows } = await this.#clients[1].query<{ cursor: string }>(
      "SELECT epoch || '-' || head AS cursor FROM plantao.log_bounds",
    );
    reader.cursor = rows[0]?.cursor ?? '';
  }

  /** Compares deliveries and refusals with the model. */
  #compareTold(): void {
    for (const { reading, from, to, events } of this.#heard.splice(0)) {
      this.told += events.length;
      expect(this.model.fault(reading, from, to, events), JSON.stringify(reading)).to.equal(null);
    }
    for (const { reason, position } of this.#refused.splice(0)) {
      expect(reason).to.equal('retention');
      expect(position).to.be.below(this.model.floor);
    }
  }

  /** Compares the log in the database with the model, as far as retention has left it. */
  async #compareLog(): Promise<void> {
    const { rows } = await this.#clients[1].query<{ position: number; kind: string }>(
      'SELECT position, kind FROM plantao.events WHERE position > $1 ORDER BY position',
      [this.model.floor],
    );
    const expected = this.model.entries.filter(({ position }) => position > this.model.floor);
    expect(rows).to.deep.equal(expected.map(({ position, kind }) => ({ position, kind })));
  }

  #end(): string {
    return this.#nodes[0]?.log.known.cursorAt(this.model.head) ?? '';
  }
}
