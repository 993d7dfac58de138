import { expect } from 'chai';
import pg from 'pg';
import { readRevocations, type Unread } from '../../../../src/chat/auth/token-queries.ts';
import type { Queryable } from '../../../../src/database/session/reconnecting-session.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('Reading which tokens are revoked', () => {
  const { database, sql } = useDatabase();
  let slow: pg.Client;
  const session: Queryable = { query: async (query) => (await sql.query(query)).rows };

  before(async () => {
    slow = new pg.Client({ connectionString: database.url });
    await slow.connect();
    await sql.query("INSERT INTO plantao.users (id, username) VALUES (1, 'ana')");
  });
  after(async () => {
    await slow?.end();
  });

  const issue = (tokens: string) =>
    sql.query(
      `INSERT INTO plantao.tokens (hash, user_id, expires_at)
       SELECT sha256(convert_to('${tokens}' || n, 'UTF8')), 1, now() + interval '1 hour' FROM generate_series(1, $1) n`,
      [tokens === 'many' ? 6000 : 3],
    );
  const read = async (unread: Unread | null) => readRevocations(session, unread);

  it('returns each token once while an older transaction stays open, and then the tokens of that transaction', async () => {
    await issue('few');
    await slow.query('BEGIN');
    const { rows } = await slow.query(
      "DELETE FROM plantao.tokens WHERE hash = sha256(convert_to('few1', 'UTF8')) RETURNING encode(hash, 'hex') AS hash",
    );
    const { unread } = await read(null);
    await sql.query("DELETE FROM plantao.tokens WHERE hash <> sha256(convert_to('few1', 'UTF8'))");
    const first = await read(unread);
    expect(first.changed).to.have.length(2);
    const second = await read(first.unread);
    expect(second.changed).to.deep.equal([]);
    await slow.query('COMMIT');
    const third = await read(second.unread);
    expect(third.changed).to.deep.equal([{ hash: rows[0].hash, left_ms: null }]);
    expect((await read(third.unread)).changed).to.deep.equal([]);
  });

  it('reports only that there are too many when thousands are revoked', async () => {
    await issue('many');
    const { unread } = await read(null);
    await sql.query('DELETE FROM plantao.tokens');
    const first = await read(unread);
    expect(first.changed).to.equal(null);
    expect((await read(first.unread)).changed).to.deep.equal([]);
  });
});
