import type pg from 'pg';
import type { Group, LogModel } from './log-model.ts';

/** A write of a run. The numbers are random and taken modulo what exists. */
export type Write =
  | { do: 'post' | 'rollBack' | 'crossing'; user: number; group: number }
  | { do: 'join' | 'leave' | 'remove'; user: number; group: number }
  | { do: 'edit' | 'react' | 'delete'; message: number }
  | { do: 'markRead' | 'changeRole'; user: number; group: number }
  | { do: 'describe' | 'archive' | 'showReads'; group: number }
  | { do: 'create'; user: number; name: number }
  | { do: 'renameGroup'; group: number; name: number; posts: number; user: number }
  | { do: 'deleteGroup'; group: number; inSteps: boolean }
  | { do: 'continueDeletion' }
  | { do: 'rename'; user: number }
  | { do: 'notify'; name: number }
  | { do: 'broadcast' }
  | { do: 'retain'; events: number }
  | { do: 'newEpoch' };

/** The users who write, and the names that groups have. */
export interface Cast {
  users: number[];
  /** Creates all groups and never joins: they stay without an owner, and no departure hands them over. */
  creator: number;
  names: string[];
}

const MAX_GROUPS = 3;

/** Makes the writes as SQL, and tells the model what each must append to the log. */
export class Writes {
  readonly #clients: [pg.Client, pg.Client];
  readonly #cast: Cast;
  readonly #model: LogModel;
  #messages: { id: number; groupId: number }[] = [];

  constructor(clients: [pg.Client, pg.Client], cast: Cast, model: LogModel) {
    this.#clients = clients;
    this.#cast = cast;
    this.#model = model;
  }

  async make(write: Write): Promise<void> {
    if (write.do === 'broadcast') return this.#notify('all');
    if (write.do === 'notify') return this.#notify(pick(this.#cast.names, write.name) ?? '');
    if (write.do === 'retain') return this.#retain(write.events);
    if (write.do === 'newEpoch') return this.#beginEpoch();
    if (write.do === 'rename') return this.#renameUser(pick(this.#cast.users, write.user) ?? 0);
    if (write.do === 'continueDeletion') return this.#continueDeletion();
    if (write.do === 'create') return this.#create(write.user, pick(this.#cast.names, write.name) ?? '');
    if ('message' in write) {
      const message = pick(this.#messages, write.message);
      return message && this.#changeMessage(write.do, message);
    }
    const group = pick(this.#model.alive, write.group);
    if (!group) return;
    if (write.do === 'renameGroup') return this.#renameGroup(group, write);
    if ('user' in write) return this.#writeAs(write.do, pick(this.#cast.users, write.user) ?? 0, group);
    if (write.do === 'deleteGroup') return this.#deleteGroup(group, write.inSteps);
    return this.#changeGroup(write.do, group);
  }

  async #writeAs(
    what: Exclude<(Write & { user: number; group: number })['do'], 'renameGroup'>,
    user: number,
    group: Group,
  ): Promise<void> {
    const [one, two] = this.#clients;
    const ids = [group.id, user];
    switch (what) {
      case 'post':
        return this.#insert(one, user, group);
      case 'rollBack':
        await one.query('BEGIN');
        await one.query("INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, 'no')", ids);
        await one.query('ROLLBACK');
        return;
      case 'crossing': {
        // The transaction that begins first commits last, with an id that it took first.
        await one.query('BEGIN');
        const { rows } = await one.query<{ id: number }>("SELECT nextval('plantao.messages_id_seq') AS id");
        await this.#insert(two, user, group);
        await this.#insert(one, user, group, rows[0]?.id ?? null);
        await one.query('COMMIT');
        return;
      }
      case 'join': {
        const join = 'INSERT INTO plantao.memberships (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING';
        if ((await one.query(join, ids)).rowCount) this.#model.append('joined', { groupId: group.id, userId: user });
        return;
      }
      case 'leave':
      case 'remove': {
        await one.query('BEGIN');
        // What the API does when an owner or admin removes a member: the removal is remembered, the event is the same.
        if (what === 'remove') {
          await one.query("SELECT set_config('plantao.removes_member', pg_current_xact_id()::text, true)");
        }
        const left = await one.query('DELETE FROM plantao.memberships WHERE group_id = $1 AND user_id = $2', ids);
        await one.query('COMMIT');
        if (left.rowCount) this.#model.append('left', { groupId: group.id, userId: user });
        return;
      }
      case 'markRead':
        return this.#markRead(user, group);
      case 'changeRole': {
        const { rowCount } = await one.query(
          `UPDATE plantao.memberships SET role = CASE role WHEN 'admin' THEN 'member' ELSE 'admin' END
           WHERE group_id = $1 AND user_id = $2`,
          ids,
        );
        if (rowCount) this.#model.append('role_changed', { groupId: group.id });
      }
    }
  }

  async #insert(client: pg.Client, user: number, group: Group, id: number | null = null): Promise<void> {
    const { rows } = await client.query<{ id: number }>(
      `INSERT INTO plantao.messages (id, group_id, sender_id, content)
       VALUES (coalesce($3, nextval('plantao.messages_id_seq')), $1, $2, 'x') RETURNING id`,
      [group.id, user, id],
    );
    const messageId = rows[0]?.id ?? 0;
    this.#messages.push({ id: messageId, groupId: group.id });
    this.#model.append('message', { groupId: group.id, messageId });
  }

  async #markRead(user: number, group: Group): Promise<void> {
    // A mark at the newest message stays there.
    const { rowCount } = await this.#clients[0].query(
      `WITH former AS (SELECT last_read_id FROM plantao.memberships WHERE group_id = $1 AND user_id = $2),
            marked AS (UPDATE plantao.memberships SET last_read_id = last_read_id + 1 WHERE group_id = $1 AND user_id = $2
                       RETURNING last_read_id)
       SELECT FROM former, marked WHERE marked.last_read_id > former.last_read_id`,
      [group.id, user],
    );
    if (rowCount) this.#model.append('read', { userId: user });
    if (rowCount && group.showsReads) this.#model.append('read_by', { groupId: group.id });
  }

  async #changeMessage(what: 'edit' | 'react' | 'delete', message: { id: number; groupId: number }): Promise<void> {
    const [sql] = this.#clients;
    const ids = { groupId: message.groupId, messageId: message.id };
    if (what === 'edit') {
      await sql.query("UPDATE plantao.messages SET content = content || '!' WHERE id = $1", [message.id]);
      this.#model.append('message_edited', ids);
    } else if (what === 'delete') {
      this.#messages = this.#messages.filter(({ id }) => id !== message.id);
      await sql.query('DELETE FROM plantao.messages WHERE id = $1', [message.id]);
      this.#model.append('message_deleted', ids);
    } else {
      // Adds the reaction, or removes it if it is there.
      await sql.query(
        `WITH removed AS (DELETE FROM plantao.reactions WHERE message_id = $1 AND user_id = $2 RETURNING emoji)
         INSERT INTO plantao.reactions (message_id, user_id, emoji)
         SELECT $1, $2, 'ok' WHERE NOT EXISTS (SELECT FROM removed)`,
        [message.id, this.#cast.users[0]],
      );
      this.#model.append('reaction', ids);
    }
  }

  async #changeGroup(what: 'describe' | 'archive' | 'showReads', group: Group): Promise<void> {
    const changes = {
      describe: "description = right(description || 'x', 100) || 'y'",
      archive: 'archived_at = CASE WHEN archived_at IS NULL THEN now() END',
      showReads: 'shows_reads = NOT shows_reads',
    };
    await this.#clients[0].query(`UPDATE plantao.groups SET ${changes[what]} WHERE id = $1`, [group.id]);
    if (what === 'showReads') group.showsReads = !group.showsReads;
    this.#model.append('group_changed', { groupId: group.id });
  }

  async #create(user: number, name: string): Promise<void> {
    if (this.#model.alive.length >= MAX_GROUPS) return;
    const userId = pick(this.#cast.users, user) ?? 0;
    const showsReads = user % 2 === 0;
    const { rows } = await this.#clients[0].query<{ id: number }>(
      `WITH made AS (INSERT INTO plantao.groups (name, shows_reads, creator_id) VALUES ($1, $2, $3) RETURNING id)
       INSERT INTO plantao.memberships (group_id, user_id) SELECT id, $4 FROM made RETURNING group_id AS id`,
      [name, showsReads, this.#cast.creator, userId],
    );
    const { id } = this.#model.create(rows[0]?.id ?? 0, name, showsReads);
    this.#model.append('joined', { groupId: id, userId });
  }

  /**
   * Posts some messages before the change: a node that lags reads them when the group already has the new name. The first one goes to
   * another group, because one of this group would end the polls that wait for it before the node fast-forwards.
   */
  async #renameGroup(group: Group, write: Extract<Write, { do: 'renameGroup' }>): Promise<void> {
    const [user, name] = [pick(this.#cast.users, write.user) ?? 0, pick(this.#cast.names, write.name) ?? ''];
    const other = this.#model.alive.find((one) => one !== group);
    if (other && write.posts > 0) await this.#insert(this.#clients[0], user, other);
    for (let posted = 0; posted < write.posts; posted += 1) await this.#insert(this.#clients[0], user, group);
    await this.#clients[0].query('UPDATE plantao.groups SET name = $2 WHERE id = $1', [group.id, name]);
    if (name !== group.name) this.#model.rename(group, name);
  }

  async #deleteGroup(group: Group, inSteps: boolean): Promise<void> {
    const deletion = inSteps ? 'SELECT plantao.delete_group($1, 1)' : 'DELETE FROM plantao.groups WHERE id = $1';
    await this.#clients[0].query(deletion, [group.id]);
    this.#messages = this.#messages.filter(({ groupId }) => groupId !== group.id);
    this.#model.delete(group);
  }

  /** Removes one more message or reaction of a deleted group, or its row. The log has no event for it. */
  async #continueDeletion(): Promise<void> {
    await this.#clients[0].query(
      `SELECT plantao.delete_group(id, 1)
       FROM (SELECT id FROM plantao.groups WHERE deleted_at IS NOT NULL ORDER BY id DESC LIMIT 1) deleted`,
    );
  }

  async #renameUser(userId: number): Promise<void> {
    await this.#clients[0].query("UPDATE plantao.users SET username = 'user ' || id || ' ' || $2 WHERE id = $1", [
      userId,
      this.#model.head,
    ]);
    const groups = this.#model.groups.filter(({ members }) => members.has(userId));
    for (const { id } of groups) this.#model.append('user_renamed', { groupId: id, userId });
    if (groups.length === 0) this.#model.append('user_renamed', { userId });
  }

  /** Notifies the topic and every group of this name; 'all' is everyone. */
  async #notify(name: string): Promise<void> {
    await this.#clients[0].query('SELECT plantao.notify_group($1)', [name]);
    if (name === 'all') return this.#model.append('broadcast');
    const [first, ...others] = this.#model.alive.filter((group) => group.name === name);
    this.#model.append('notification', { groupId: first?.id ?? null, topic: name });
    for (const { id } of others) this.#model.append('notification', { groupId: id });
  }

  async #retain(events: number): Promise<void> {
    const floor = Math.max(this.#model.floor, this.#model.head - events);
    await this.#clients[0].query(
      `WITH gone AS (DELETE FROM plantao.events WHERE position <= $1)
       UPDATE plantao.event_log SET floor = greatest(floor, $1)`,
      [floor],
    );
    this.#model.floor = floor;
  }

  async #beginEpoch(): Promise<void> {
    await this.#clients[0].query(`
      UPDATE plantao.epochs SET history = 'another' WHERE number = (SELECT max(number) FROM plantao.epochs);
      SELECT plantao.continue_epoch()`);
  }
}

/** Returns one of a list; undefined if it is empty. */
const pick = <Item>(list: readonly Item[], number: number): Item | undefined => list[number % list.length];
