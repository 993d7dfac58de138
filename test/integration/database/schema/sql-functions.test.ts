import { expect } from 'chai';
import type pg from 'pg';
import { foldedName } from '../../../../src/text/folded-name.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('The SQL functions', () => {
  const { sql: client } = useDatabase();

  const functionsWhere = async (condition: string): Promise<string[]> => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT proname::text AS name FROM pg_proc
       WHERE pronamespace = 'plantao'::regnamespace AND ${condition} ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('are found by the query of the following tests', async () => {
    expect(await functionsWhere('true'))
      .to.include('assert_term')
      .and.to.have.length.above(20);
  });

  it('resolve names in pg_catalog only, for every search_path of the caller', async () => {
    const unpinned = `NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)`;
    expect(await functionsWhere(unpinned)).to.deep.equal([]);
  });

  it('behave the same with standard_conforming_strings off', async () => {
    const unpinned = `strpos(regexp_replace(prosrc, $$E'[^']*'$$, '', 'g'), chr(92)) > 0
      AND NOT coalesce('standard_conforming_strings=on' = ANY (proconfig), false)`;
    expect(await functionsWhere(unpinned)).to.deep.equal([]);
  });

  it('cannot be executed by PUBLIC', async () => {
    const granted = `(proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))`;
    expect(await functionsWhere(granted)).to.deep.equal([]);
  });

  it('refuse a term beyond the 32 bits that the fencing token has for it', async () => {
    const insert = (term: number) =>
      client.query(
        `INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason, ended_at) VALUES (${term}, 'x', 'x', 1, 'x', now())`,
      );
    for (const term of [4_294_967_296, 5_000_000_000]) {
      const code = await insert(term).then(
        () => null,
        (error) => error.code,
      );
      expect(code, String(term)).to.equal('23514');
    }
  });

  it('find only indexes with the collation C', async () => {
    const { rows } = await client.query(
      `SELECT indexrelid::regclass::text AS index, collname FROM pg_index i CROSS JOIN unnest(indcollation) AS used
       JOIN pg_collation c ON c.oid = used JOIN pg_class r ON r.oid = i.indrelid
       WHERE relnamespace = 'plantao'::regnamespace AND collname <> 'C' ORDER BY 1`,
    );
    expect(rows).to.deep.equal([]);
  });

  it('do not call functions in public that have the name of a built-in one', async () => {
    // The parameter types are those of the call, so these functions match better than the built-in ones if public is searched.
    await client.query(`
      CREATE TABLE public.stolen (by text);
      CREATE FUNCTION public.concat_ws(text, numeric, oid, oid) RETURNS text LANGUAGE sql
        AS $$ INSERT INTO public.stolen VALUES (current_user) RETURNING by $$;
      CREATE FUNCTION public.pg_notify(varchar, text) RETURNS void LANGUAGE sql
        AS $$ INSERT INTO public.stolen VALUES (current_user) $$;
      CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'one'::text $$;
    `);
    await client.query(`SET search_path = public, pg_catalog`);
    await client.query(`
      INSERT INTO plantao.users (username) VALUES ('Ana'), ('Bruno');
      INSERT INTO plantao.groups (name) VALUES ('Geral');
      INSERT INTO plantao.memberships (group_id, user_id) SELECT g.id, u.id FROM plantao.groups g, plantao.users u
        ON CONFLICT DO NOTHING;
      INSERT INTO plantao.messages (group_id, sender_id, content)
        SELECT g.id, u.id, 'Olá' FROM plantao.groups g, plantao.users u;
      SELECT plantao.notify_group('Geral');
    `);
    const { rows } = await client.query('SELECT (SELECT count(*)::int FROM public.stolen) AS stolen');
    expect(rows).to.deep.equal([{ stolen: 0 }]);
  });

  it('let no message be sent from psql in the name of a deleted account', async () => {
    await client.query(
      "INSERT INTO plantao.users (id, username) VALUES (50, 'gone'); INSERT INTO plantao.groups (id, name) VALUES (50, 'g')",
    );
    await client.query('SELECT plantao.erase_user(50)');
    await client.query("SELECT plantao.post_message(50, 50, 'x')").then(
      () => expect.fail('it was stored'),
      (error: pg.DatabaseError) =>
        expect([error.code, error.constraint]).to.deep.equal(['23503', 'messages_sender_id_fkey']),
    );
  });

  it('let every node lead during a pause that an INSERT by hand placed in the future', async () => {
    await client.query("BEGIN; INSERT INTO plantao.pauses (since, until) VALUES ('9998-12-31 UTC', '9999-01-01 UTC')");
    try {
      const { rows } = await client.query("SELECT plantao.may_lead('node-a', NULL) AS may");
      expect(rows).to.deep.equal([{ may: true }]);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  it('let the node that was active last lead during a pause, even if a failover lost the row of its last term', async () => {
    await client.query('BEGIN');
    try {
      await client.query("SELECT plantao.insert_term(6, 'node-a', '', ''), plantao.pause()");
      const { rows } = await client.query(
        `SELECT plantao.may_lead('node-a', 6) AS same, plantao.may_lead('node-a', 7) AS lost,
                plantao.may_lead('node-a', 5) AS earlier, plantao.may_lead('node-b', 7) AS other`,
      );
      expect(rows).to.deep.equal([{ same: true, lost: true, earlier: false, other: false }]);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  it('let only the named successor lead for half a second after a resignation', async () => {
    await client.query('BEGIN');
    try {
      const may = async (node: string, ended: string) => {
        await client.query(
          `UPDATE plantao.leader_terms SET ended_at = clock_timestamp() - ${ended}, handed_to = 'node-b' WHERE term = 6`,
        );
        const { rows } = await client.query('SELECT plantao.may_lead($1, 6) AS may', [node]);
        return rows[0].may;
      };
      await client.query("SET LOCAL idle_session_timeout = '4s'; SELECT plantao.insert_term(6, 'node-a', '', '')");
      expect(await may('node-b', "interval '0'")).to.equal(true);
      expect(await may('node-a', "interval '0'")).to.equal(false);
      expect(await may('node-c', "interval '0'")).to.equal(false);
      expect(await may('node-c', "interval '0.5 s'")).to.equal(true);
      // The clock of the server was set back.
      expect(await may('node-c', "interval '-1 hour'")).to.equal(true);
    } finally {
      await client.query('ROLLBACK');
    }
  });

  it('fold names for a search as the chat page does', async () => {
    const names = [
      ...[
        'João',
        'Joa\u0303o',
        'Łukasz Ødegård',
        'Đặng Thị',
        'ıssız',
        'ﬁlm ②',
        'straße',
        'ana\u200b\u00ad',
        'a\u2800b',
      ],
      ...['कि', 'की', 'किरण', 'রানি', 'தமிழ்', 'กิน', 'กัน', 'ကို', 'ລາວ', 'ខ្មែរ', 'བོད', 'が', '서울'],
      ...['שָׁלוֹם', 'مُحَمَّد', 'محـمد', 'й', 'ё', 'ά', 'ς', '👍🏽', '\u0488', 'x\u0488', 'e\u20dd'],
      // Every mark and every invisible character after a letter.
      ...Array.from({ length: 0x110000 }, (_, point) => point)
        .filter((point) => point < 0xd800 || point > 0xdfff)
        .map((point) => String.fromCodePoint(point))
        .filter((one) => /(?![\0\s\x85])[\p{M}\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}]/u.test(one))
        .map((one) => `x${one}`),
    ];
    const { rows } = await client.query<{ name: string; folded: string; decomposed: string }>(
      'SELECT name, plantao.search_name(name) AS folded, normalize(name, NFKD) AS decomposed FROM unnest($1::text[]) AS name',
      [names],
    );
    // PostgreSQL and Node.js may have different versions of Unicode, so that newer characters are decomposed by only one of them.
    const known = rows.filter(({ name, decomposed }) => name.normalize('NFKD') === decomposed);
    expect(known).to.have.length.within(names.length - 50, names.length);
    const differing = known.filter(({ name, folded }) => foldedName(name).trim() !== folded);
    expect(differing.map(({ name, folded }) => [name, foldedName(name), folded])).to.deep.equal([]);
  });

  it('add thousands of members in one statement by index, though the tables were small when PostgreSQL counted them', async () => {
    await client.query('ANALYZE plantao.users, plantao.groups, plantao.memberships, plantao.messages');
    await client.query('BEGIN');
    try {
      await client.query(`
        INSERT INTO plantao.users (id, username) SELECT 1000 + n, 'many ' || n FROM generate_series(1, 2000) n;
        INSERT INTO plantao.groups (id, name) VALUES (60, 'many');
        INSERT INTO plantao.memberships (group_id, user_id) SELECT 60, id FROM plantao.users WHERE username LIKE 'many %'`);
      const { rows } = await client.query(
        // Foreign keys are checked by PostgreSQL's own statements, which may scan the small table of groups.
        "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE relid IN ('plantao.memberships'::regclass, 'plantao.messages'::regclass) AND seq_scan > 100",
      );
      expect(rows).to.deep.equal([]);
    } finally {
      await client.query('ROLLBACK');
    }
  });
});
