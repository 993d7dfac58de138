import { hash, randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';

/** Maximum number of tokens per user: one for each device, with room for clients that sign in whenever they start. Beyond it the oldest is revoked. */
const MAX_PER_USER = 100;

/** The year 9999, the last one of the schema. */
const MAX_EXPIRY_S = 253_402_214_400;

/** 256 random bits in base64url: 43 characters. */
const TOKEN = /^[\w-]{43}$/;

/** Returns true if the text has the form of a token. Other text is rejected without a query. */
export const looksLikeToken = (text: string): boolean => TOKEN.test(text);

/** Returns the form in which a token is stored and cached: SHA-256 in hexadecimal. */
export const tokenHash = (token: string): string => hash('sha256', token, 'hex');

/** The proof for which a token was issued. AUTH=token rejects tokens issued for a name only (AUTH=open). */
type Proof = 'name' | 'password';

/** The facts that are stored with a token. */
export interface TokenOrigin {
  proof: Proof;
  /** The device, for the list of sessions: {@link deviceLabel}. Null if unknown. */
  device: string | null;
}

/** Issues and revokes tokens. They are looked up in token-cache.ts. */
export class Tokens {
  readonly #write: Write;
  readonly #lifeHours: number;

  constructor(write: Write, lifeHours: number) {
    this.#write = write;
    this.#lifeHours = lifeHours;
  }

  /** Creates a token within the caller's transaction and returns it. Only its hash is stored. */
  async issue(userId: number, { proof, device }: TokenOrigin, transaction: Transaction): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await query(
      transaction,
      "SELECT plantao.issue_token($userId, decode($hash, 'hex'), make_interval(hours => $hours), $maxTokens, $proof, $device)",
      { userId, hash: tokenHash(token), hours: this.#lifeHours, maxTokens: MAX_PER_USER, proof, device },
    );
    return token;
  }

  /** Revokes one token; does nothing if it does not exist. Every node rejects it within a second. */
  async revoke(token: string): Promise<void> {
    await this.#write((transaction) =>
      query(transaction, "DELETE FROM plantao.tokens WHERE hash = decode($hash, 'hex')", { hash: tokenHash(token) }),
    );
  }

  /** Revokes one JWT, which must have been verified: its expiry decides for how long the revocation is stored. */
  async revokeJwt(token: string): Promise<void> {
    const { exp = MAX_EXPIRY_S } = decodeJwt(token);
    await this.#write((transaction) =>
      query(
        transaction,
        `INSERT INTO plantao.revoked_jwts (hash, expires_at)
         VALUES (decode($hash, 'hex'), to_timestamp($exp)) ON CONFLICT DO NOTHING`,
        { hash: tokenHash(token), exp: Math.min(exp, MAX_EXPIRY_S) },
      ),
    );
  }

  /**
   * Revokes all tokens of a user, and all JWTs issued until now, within `transaction` if given. Returns how many tokens were valid;
   * JWTs are not counted.
   */
  async revokeAll(userId: number, transaction?: Transaction): Promise<number> {
    if (!transaction) return this.#write((own) => this.revokeAll(userId, own));
    const [row] = await query<{ revoked: number }>(transaction, 'SELECT plantao.revoke_tokens($userId) AS revoked', {
      userId,
    });
    return Number(row?.revoked ?? 0);
  }
}
