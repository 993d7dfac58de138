import { expect } from 'chai';
import pg from 'pg';
import { mentionPatternOf } from '../../../src/chat/search/search-pattern.ts';
import { MENTION_CASES } from '../../support/mention-cases.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

describe('The pattern of mentions', () => {
  let database: TestDatabase;
  let sql: pg.Client;
  before(async () => {
    database = await createDatabase();
    sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
  });
  after(async () => {
    await sql.end();
    await database.drop();
  });

  it('matches the texts that the chat page shows as mentions, and no others', async () => {
    const { rows } = await sql.query<{ matches: boolean }>(
      'SELECT text ~ pattern AS matches FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (text, pattern, n) ORDER BY n',
      [MENTION_CASES.map(([text]) => text), MENTION_CASES.map(([, username]) => mentionPatternOf(username))],
    );
    expect(MENTION_CASES.map(([text, username], n) => [text, username, rows[n]?.matches])).to.deep.equal(MENTION_CASES);
  });
});
