import { createHash, randomBytes } from 'node:crypto';
import type { DbaSession } from '../postgres/dba-session.ts';
import { bearer, type JsonObject, request } from './http.ts';

/** A signed-in user. */
export interface Person {
  id: number;
  username: string;
  token: string;
}

/** Returns the options of a request of this user. */
export const asUser = ({ token }: Pick<Person, 'token'>) => bearer(token);

/** Returns a function that sends requests of users to a node. */
export const requestsTo =
  (url: () => string) =>
  <Body = JsonObject>(method: string, path: string, { token }: Pick<Person, 'token'>, body?: object) =>
    request<Body>(method, url() + path, { ...bearer(token), ...(body && { body }) });

const hashOf = (token: string) => createHash('sha256').update(token).digest();
let names = 0;

/** Creates accounts, tokens, groups and messages by SQL, in milliseconds: hashing a password takes longer. */
export class People {
  readonly #sql: Pick<DbaSession, 'query'>;

  constructor(sql: Pick<DbaSession, 'query'>) {
    this.#sql = sql;
  }

  /** Returns a name that is unique in this process. */
  static name(of = 'ana'): string {
    names += 1;
    return `${of}_${names}`;
  }

  async newUser(username = People.name()): Promise<Person> {
    const { rows } = await this.#sql.query('INSERT INTO plantao.users (username) VALUES ($1) RETURNING id', [username]);
    const id = Number(rows[0].id);
    return { id, username, token: await this.token(id) };
  }

  /** Creates another token of a user; with a negative life, one that has expired. */
  async token(userId: number, life = '1 hour'): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.#sql.query(
      'INSERT INTO plantao.tokens (hash, user_id, expires_at) VALUES ($1, $2, clock_timestamp() + $3::interval)',
      [hashOf(token), userId, life],
    );
    return token;
  }

  async revoke(token: string): Promise<void> {
    await this.#sql.query('DELETE FROM plantao.tokens WHERE hash = $1', [hashOf(token)]);
  }

  async group(name: string, members: readonly Person[]): Promise<number> {
    const { rows } = await this.#sql.query(
      'INSERT INTO plantao.groups (name, creator_id) VALUES ($1, $2) RETURNING id',
      [name, members[0]?.id ?? null],
    );
    const id = Number(rows[0].id);
    await this.#sql.query('INSERT INTO plantao.memberships (group_id, user_id) SELECT $1, unnest($2::bigint[])', [
      id,
      members.map((member) => member.id),
    ]);
    return id;
  }

  async message(groupId: number, sender: Person, content: string): Promise<number> {
    const { rows } = await this.#sql.query(
      'INSERT INTO plantao.messages (group_id, sender_id, content) VALUES ($1, $2, $3) RETURNING id',
      [groupId, sender.id, content],
    );
    return Number(rows[0].id);
  }
}
