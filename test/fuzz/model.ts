import type pg from 'pg';
import type { ModelReference } from './generated-request.ts';

type Json = Record<string, unknown>;

/** A request and its response. */
export interface CompletedRequest {
  method: string;
  path: string;
  /** The fields sent in the JSON body and the query; the query overrides the body. */
  sent: Json;
  status: number;
  body: Json;
}

/** The expected state of the chat after all successful requests. Refused requests change nothing. */
export class Model {
  readonly users = new Map<number, string>();
  readonly groups = new Map<number, string>();
  /** The two users of each direct chat. */
  readonly #direct = new Map<number, [number, number]>();
  readonly members = new Set<string>();
  readonly messages = new Map<number, string>();
  /** Hooks in use, by their tokens. */
  readonly #hooks = new Map<string, { id: number; groupId: number }>();
  readonly #cursors: string[] = [];

  /** Resolves a reference to an existing value, and sometimes to one that does not exist. */
  resolve({ reference, at }: ModelReference): unknown {
    switch (reference) {
      case 'user':
        return pick([...this.users.keys()], at) ?? 2 ** 40 + at;
      case 'group':
        return pick([...this.groups.keys()], at) ?? 2 ** 40 + at;
      case 'message':
        return pick([...this.messages.keys()].slice(-50), at) ?? 2 ** 40 + at;
      case 'username':
        return pick([...this.users.values()].slice(0, 40), at) ?? `unknown ${at}`;
      case 'groupName':
        return pick([...new Set(this.groups.values())].slice(0, 40), at) ?? `group ${at % 20}`;
      case 'hook':
        return (
          pick(
            Array.from(this.#hooks.values(), ({ id }) => id),
            at,
          ) ?? 2 ** 40 + at
        );
      case 'hookToken':
        return pick([...this.#hooks.keys()], at) ?? `unknown${at}`;
      case 'cursor':
        return pick(this.#cursors, at) ?? '000000000000-1';
    }
  }

  /** Applies a response. Returns true if the groups of its user must be read to determine the new state. */
  apply({ method, path, sent, status, body }: CompletedRequest): boolean {
    if (typeof body?.cursor === 'string') this.#addCursor(body.cursor);
    if (status !== 200 && status !== 201) return false;
    switch (`${method} ${path}`) {
      case 'POST /login':
      case 'POST /register':
        this.users.set(Number(body.user_id), String(body.username));
        return false;
      case 'POST /create-chat':
        this.groups.set(Number(body.group_id), String(body.group_name));
        for (const { id } of body.members as { id: number }[]) this.members.add(`${body.group_id} ${id}`);
        return false;
      case 'POST /hooks':
        this.#hooks.set(String(body.token), { id: Number((body.hook as Json).id), groupId: Number(body.group_id) });
        return false;
      case 'DELETE /hooks':
        for (const [token, { id }] of [...this.#hooks]) if (id === Number(body.hook_id)) this.#hooks.delete(token);
        return false;
      case 'POST /hooks/{hookToken}': {
        const hook = this.#hooks.get(String(sent.hookToken));
        if (!hook) throw new Error(`the token ${sent.hookToken} is not known, and was accepted`);
        this.#addMessage(Number(body.message_id), messageText(hook.groupId, hook.id, String(sent.content)));
        return false;
      }
      case 'PATCH /groups':
        this.groups.set(Number(body.group_id), String(body.name));
        return false;
      case 'DELETE /groups':
        this.#deleteGroup(Number(body.group_id));
        return false;
      case 'POST /direct':
        this.#direct.set(Number(body.group_id), [Number(sent.userId), Number(sent.otherUserId)]);
        this.groups.set(Number(body.group_id), String(body.group_name));
        this.members.add(`${body.group_id} ${Number(sent.userId)}`);
        if (body.created) this.members.add(`${body.group_id} ${Number(sent.otherUserId)}`);
        return false;
      case 'PATCH /me':
        this.users.set(Number(body.id), String(body.username));
        this.#nameDirectChats(Number(body.id));
        return false;
      case 'PATCH /messages':
        this.#editMessage(Number(body.message_id), String(sent.content));
        return false;
      case 'POST /group-users':
        this.members.add(`${body.group_id} ${body.user_id}`);
        return false;
      case 'DELETE /group-users':
        this.members.delete(`${body.group_id} ${body.user_id}`);
        return false;
      case 'POST /messages':
        this.#addMessage(Number(body.message_id), messageText(sent.groupId, sent.userId, String(sent.content)));
        return false;
      case 'DELETE /messages':
        this.messages.delete(Number(sent.messageId));
        return false;
      default:
        return path.startsWith('/user/{id}/groups') && method !== 'GET';
    }
  }

  /**
   * Applies GET /chats of a user after a change by group names, whose ids no response contains. A group that the user was
   * not in may only appear after a join, and is then new or the oldest of its name.
   */
  applyChats(userId: number, chats: { id: number; name: string }[], change: 'join' | 'leave'): void {
    for (const { id, name } of chats) {
      if (this.members.has(`${id} ${userId}`)) continue;
      // A direct chat cannot be joined by its name.
      const isOldest = ![...this.groups].some(
        ([other, called]) => called === name && other < id && !this.#direct.has(other),
      );
      if (change === 'leave' || (this.groups.has(id) && !isOldest)) {
        throw new Error(`user ${userId} is in group ${id} (${name}) after a ${change}, and was not before`);
      }
    }
    for (const member of [...this.members]) if (member.endsWith(` ${userId}`)) this.members.delete(member);
    for (const { id, name } of chats) {
      this.groups.set(id, name);
      this.members.add(`${id} ${userId}`);
    }
  }

  /** Returns the first difference between the database and the model, or null. */
  async difference(sql: pg.Client): Promise<string | null> {
    const lines = async (query: string) =>
      (await sql.query<{ line: string }>(query)).rows.map(({ line }) => line).sort();
    for (const [what, own, query] of [
      [
        'users',
        [...this.users].map(([id, name]) => `${id} ${name}`),
        "SELECT id || ' ' || username AS line FROM plantao.users WHERE NOT is_hook",
      ],
      [
        'groups',
        [...this.groups].map(([id, name]) => `${id} ${name}`),
        "SELECT id || ' ' || name AS line FROM plantao.groups",
      ],
      ['memberships', [...this.members], "SELECT group_id || ' ' || user_id AS line FROM plantao.memberships"],
      [
        'messages',
        [...this.messages].map(([id, text]) => `${id} ${text}`),
        "SELECT id || ' ' || group_id || ' ' || sender_id || ' ' || content AS line FROM plantao.messages",
      ],
      ['events of messages', [], EVENTS_WITHOUT_CAUSE],
    ] as const) {
      const [expected, found] = [[...own].sort(), await lines(query)];
      const extra = found.find((line) => !expected.includes(line));
      if (extra !== undefined) return `${what}: the database contains ${JSON.stringify(extra)}, the model does not`;
      const missing = expected.find((line) => !found.includes(line));
      if (missing !== undefined) return `${what}: the model contains ${JSON.stringify(missing)}, the database does not`;
    }
    return null;
  }

  #addMessage(id: number, text: string): void {
    const known = this.messages.get(id);
    if (known !== undefined && known !== text) throw new Error(`message ${id} was ${known} and is now ${text}`);
    this.messages.set(id, text);
  }

  #editMessage(id: number, content: string): void {
    const [groupId, userId] = (this.messages.get(id) ?? '').split(' ');
    this.messages.set(id, messageText(groupId, userId, content));
  }

  /** A direct chat has the names of its two users. */
  #nameDirectChats(userId: number): void {
    for (const [id, users] of this.#direct) {
      if (!users.includes(userId)) continue;
      const names = [...users].sort((one, other) => one - other).map((user) => this.users.get(user));
      this.groups.set(id, [...names.join(', ')].slice(0, 128).join(''));
    }
  }

  #deleteGroup(id: number): void {
    this.groups.delete(id);
    this.#direct.delete(id);
    for (const member of [...this.members]) if (member.startsWith(`${id} `)) this.members.delete(member);
    for (const [token, { groupId }] of [...this.#hooks]) if (groupId === id) this.#hooks.delete(token);
    for (const [message, text] of [...this.messages]) if (text.startsWith(`${id} `)) this.messages.delete(message);
  }

  #addCursor(cursor: string): void {
    this.#cursors.push(cursor);
    if (this.#cursors.length > 100) this.#cursors.splice(0, 50);
  }
}

/** Finds events of messages that neither exist nor were deleted, alone or with their group, and gaps in the log. */
const EVENTS_WITHOUT_CAUSE = `
  SELECT 'message ' || e.message_id AS line FROM plantao.events e
  WHERE e.kind = 'message' AND NOT EXISTS (SELECT FROM plantao.messages m WHERE m.id = e.message_id)
    AND NOT EXISTS (SELECT FROM plantao.events d WHERE d.kind = 'message_deleted' AND d.message_id = e.message_id)
    AND NOT EXISTS (SELECT FROM plantao.events d WHERE d.kind = 'group_deleted' AND d.group_id = e.group_id)
  UNION ALL
  SELECT 'a gap before ' || position FROM (SELECT position, lag(position) OVER (ORDER BY position) AS before FROM plantao.events) p
  WHERE before IS NOT NULL AND before <> position - 1`;

const messageText = (groupId: unknown, userId: unknown, content: string) =>
  `${Number(groupId)} ${Number(userId)} ${content}`;

/** Returns the n-th element (modulo), and undefined for every tenth n. */
function pick<T>(all: readonly T[], at: number): T | undefined {
  return at % 10 === 9 ? undefined : all[at % Math.max(1, all.length)];
}
