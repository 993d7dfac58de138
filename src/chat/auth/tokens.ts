import { hash, randomBytes } from 'node:crypto';
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../../database/fenced-write.ts';

/** Tokens a user may have: one a device, with room for clients that sign in at each start. The oldest goes. */
const MOST_OF_A_USER = 100;

/** 256 random bits in base64url: 43 characters. */
const TOKEN = /^[\w-]{43}$/;

/** True for text that can be a token of this service, so that the rest is refused without a look at the database. */
export const looksLikeToken = (text: string): boolean => TOKEN.test(text);

/** The form in which a token is stored and remembered: SHA-256 in hexadecimal. */
export const tokenHash = (token: string): string => hash('sha256', token, 'hex');

/** What a token is given for. Where AUTH=token one that was given for a bare name (AUTH=open) is refused. */
export type Proof = 'name' | 'password';

/** Gives tokens out and takes them back. Who holds one is asked in known-tokens.ts. */
export class Tokens {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #lifeHours: number;

  constructor(sequelize: Sequelize, write: Write, lifeHours: number) {
    this.#sequelize = sequelize;
    this.#write = write;
    this.#lifeHours = lifeHours;
  }

  /** A new token of a user, within the caller's writing transaction. It is not kept anywhere: only its hash is. */
  async issue(userId: number, proof: Proof, transaction: Transaction): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.#sequelize.query(
      "SELECT plantao.issue_token($userId, decode($hash, 'hex'), make_interval(hours => $hours), $most, $proof)",
      {
        bind: { userId, hash: tokenHash(token), hours: this.#lifeHours, most: MOST_OF_A_USER, proof },
        type: QueryTypes.SELECT,
        transaction,
      },
    );
    return token;
  }

  /** Takes one token back; no harm where it is none. Every node refuses it within a second. */
  async revoke(token: string): Promise<void> {
    await this.#write(async (transaction) => {
      await this.#sequelize.query("DELETE FROM plantao.tokens WHERE hash = decode($hash, 'hex')", {
        bind: { hash: tokenHash(token) },
        transaction,
      });
    });
  }

  /** Takes all tokens of a user back and answers how many there were. Within `transaction` where one is given. */
  async revokeAll(userId: number, transaction?: Transaction): Promise<number> {
    if (!transaction) return this.#write((own) => this.revokeAll(userId, own));
    const [row] = await this.#sequelize.query<{ revoked: number }>(
      `WITH gone AS (DELETE FROM plantao.tokens WHERE user_id = $userId RETURNING expires_at)
       SELECT count(*) FILTER (WHERE expires_at > clock_timestamp()) AS revoked FROM gone`,
      { bind: { userId }, type: QueryTypes.SELECT, transaction },
    );
    return Number(row?.revoked ?? 0);
  }
}
