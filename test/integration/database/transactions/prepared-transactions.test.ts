import { expect } from 'chai';
import pg from 'pg';
import { migrate } from '../../../../src/database/migrator.ts';
import { eventually } from '../../../support/eventually.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../../support/postgres/own-postgres.ts';

/** Has to be quoted in the statement that ends it. */
const GID = "it's lost";
const QUOTED = GID.replaceAll("'", "''");

describe('A forgotten prepared transaction, which has no session,', function () {
  this.timeout(60_000);
  let server: OwnPostgres;
  let client: pg.Client;

  const prepare = (statement: string) => client.query(`BEGIN; ${statement}; PREPARE TRANSACTION '${QUOTED}'`);

  before(async () => {
    server = await startPostgresOfItsOwn({ migrated: false, flags: ['-c', 'max_prepared_transactions=2'] });
    client = new pg.Client(server.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await server?.remove();
  });

  it('is named by the migrations if it holds their lock', async () => {
    await prepare('SELECT pg_advisory_xact_lock(1347178068, 4)');
    const lines: string[] = [];
    const options = { foreignLimitMs: 300, log: (line: string) => void lines.push(line) };
    const error = await migrate(server.url, options).catch((thrown) => thrown);
    expect(error.message).to.match(
      new RegExp(
        `^${GID} \\(prepared transaction, role .*\\) holds the migration lock: end it with ROLLBACK PREPARED '${QUOTED}', then start again$`,
      ),
    );
    expect(lines).to.have.length(1);
    await client.query(`ROLLBACK PREPARED '${QUOTED}'`);
    expect(await migrate(server.url, options)).to.be.above(0);
  });

  for (const isRestarted of [false, true]) {
    it(`is named in plantao.blocking${isRestarted ? ', also after a restart of PostgreSQL' : ''}`, async () => {
      await migrate(server.url);
      await prepare('SELECT plantao.lock_log()');
      if (isRestarted) {
        await client.end();
        await server.restart();
        client = new pg.Client(server.url);
        await client.connect();
      }
      const row = await eventually('it is listed', async () => (await client.query('TABLE plantao.blocking')).rows[0]);
      expect(row).to.include({
        blocks: 'event log',
        pid: null,
        state: 'prepared transaction',
        ended_by: `ROLLBACK PREPARED '${QUOTED}'`,
      });
      await client.query(row.ended_by);
      expect((await client.query('TABLE plantao.blocking')).rows).to.deep.equal([]);
    });
  }
});
