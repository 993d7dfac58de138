import { expect } from 'chai';
import { mentionPatternOf } from '../../../src/chat/search/mention-pattern.ts';
import { MENTION_CASES } from '../../support/mention-cases.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('The pattern of mentions', () => {
  const { sql } = useDatabase();

  it('matches the texts that the chat page shows as mentions, and no others', async () => {
    const { rows } = await sql.query<{ matches: boolean }>(
      'SELECT text ~ pattern AS matches FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (text, pattern, n) ORDER BY n',
      [MENTION_CASES.map(([text]) => text), MENTION_CASES.map(([, username]) => mentionPatternOf(username))],
    );
    expect(MENTION_CASES.map(([text, username], n) => [text, username, rows[n]?.matches])).to.deep.equal(MENTION_CASES);
  });
});
