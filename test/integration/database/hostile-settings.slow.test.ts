import { expect } from 'chai';
import pg from 'pg';
import { canonicalResponses } from '../../support/network/canonical-responses.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer } from '../../support/postgres/test-server.ts';
import { type UnusualSetting, unusualSettings } from '../../support/postgres/unusual-settings.ts';

/** The number of settings that are set at once. Fewer would find the guilty one sooner, and take longer. */
const BATCH = 100;

/** Objects with which an ordinary role could interfere if it may create in public, PostgreSQL's default until 14. */
const TRAPS = `
  CREATE FUNCTION public.concat_ws(text, numeric, oid, oid) RETURNS text LANGUAGE sql AS 'SELECT $$trap$$';
  CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT $$trap$$';
  CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $$trap$$';
  CREATE FUNCTION public.pg_try_advisory_lock(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
  CREATE FUNCTION public.differs(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
  CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.differs);`;

describe('Settings of the database', function () {
  this.timeout(400_000);
  let usual: string[];
  before(async () => {
    usual = await withDatabase(({ url }) => canonicalResponses(url));
  });

  /** Gives `work` a database of its own. */
  async function withDatabase<T>(work: (database: TestDatabase) => Promise<T>): Promise<T> {
    const database = await createDatabase();
    try {
      return await work(database);
    } finally {
      await database.drop();
    }
  }

  /** Returns the responses of a node whose database has these settings; one that cannot be set for a database is left out. */
  async function responsesWith(settings: UnusualSetting[]): Promise<string[]> {
    return withDatabase(async ({ name, url }) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(TRAPS);
      await client.query(settings.map((one) => `ALTER DATABASE ${name} SET ${one.name} = ${value(one)}`).join(';\n'));
      await client.end();
      return canonicalResponses(url);
    });
  }

  /** Line by line, since a whole response is too long to find a difference in it. */
  const differences = (responses: string[]) =>
    Array.from({ length: Math.max(responses.length, usual.length) }, (_, line) => [
      responses[line],
      usual[line],
    ]).filter(([found, expected]) => found !== expected);

  const value = ({ name, value: text }: UnusualSetting) => (name === 'search_path' ? text : pg.escapeLiteral(text));

  it('change no response, for any setting and value', async () => {
    const { client } = await testServer();
    const rounds = await unusualSettings(client);
    expect(rounds[0]).to.have.length.above(150);
    for (const round of rounds) {
      for (let first = 0; first < round.length; first += BATCH) {
        const batch = round.slice(first, first + BATCH);
        const named = batch.map((one) => `${one.name}=${one.value}`).join(' ');
        expect(differences(await responsesWith(batch).catch((error) => [String(error)])), named).to.deep.equal([]);
      }
    }
  });

  it("change no response when they are set for the nodes' login role", async () => {
    const { admin } = await testServer();
    const { rows } = await (await testServer()).client.query(
      "SELECT name FROM pg_settings WHERE name = 'transaction_timeout'",
    );
    await withDatabase(async ({ name, url }) => {
      const role = `${name}_nodes`;
      await admin(`CREATE ROLE ${role} LOGIN PASSWORD 'x' IN ROLE plantao_service, pg_monitor`);
      try {
        for (const setting of [
          "idle_session_timeout = '3s'",
          "idle_in_transaction_session_timeout = '300ms'",
          "statement_timeout = '300ms'",
          ...rows.map(() => "transaction_timeout = '300ms'"),
          'default_transaction_read_only = on',
          "default_transaction_isolation = 'repeatable read'",
          "DateStyle = 'SQL, DMY'",
          'search_path = public',
          // It may read what the service may not, and nothing of what the service may.
          'role = pg_monitor',
        ]) {
          await admin(`ALTER ROLE ${role} SET ${setting}`);
        }
        const login = Object.assign(new URL(url), { username: role, password: 'x' }).toString();
        expect(differences(await canonicalResponses(login, url).catch((error) => [String(error)]))).to.deep.equal([]);
      } finally {
        await admin(`DROP ROLE ${role}`);
      }
    });
  });
});
