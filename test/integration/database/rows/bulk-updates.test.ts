import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** With nested loops each statement would compare a hundred million pairs of rows. */
const ROWS = 10_000;
const LIMIT = '10s';

/** Updates that the event log records or that triggers check. Each runs for one row first, which makes the plans of the session. */
const UPDATES: [what: string, update: (condition: string) => string][] = [
  ['renamed groups', (rows) => `UPDATE plantao.groups SET name = name || '!' WHERE ${rows}`],
  ['groups without their creator', (rows) => `UPDATE plantao.groups SET creator_id = NULL WHERE ${rows}`],
  ['renamed users', (rows) => `UPDATE plantao.users SET username = username || '!' WHERE ${rows}`],
  ['edited messages', (rows) => `UPDATE plantao.messages SET content = content || '!' WHERE ${rows}`],
  ['read marks', (rows) => `UPDATE plantao.memberships SET last_read_id = last_read_id + 1 WHERE user_${rows}`],
  ['roles', (rows) => `UPDATE plantao.memberships SET role = 'admin' WHERE user_${rows}`],
  ['groups to delete', (rows) => `UPDATE plantao.groups SET deleted_at = now() WHERE ${rows}`],
];

describe('A statement that changes thousands of rows, after one that changed few', function () {
  this.timeout(60_000);
  const { database, sql: client } = useDatabase();

  before(async () => {
    await seedData(database.url);
    await client.query(`
      INSERT INTO plantao.users (id, username) SELECT n, 'u' || n FROM generate_series(100001, 100000 + ${ROWS}) n;
      INSERT INTO plantao.groups (id, name, creator_id) SELECT n, 'g' || n, 1 FROM generate_series(100001, 100000 + ${ROWS}) n;
      INSERT INTO plantao.memberships (group_id, user_id) SELECT 1, n FROM generate_series(100001, 100000 + ${ROWS}) n;
      INSERT INTO plantao.messages (id, group_id, sender_id, content) SELECT n, 1, 1, 'm' FROM generate_series(100001, 100000 + ${ROWS}) n;
      SET statement_timeout = '${LIMIT}'`);
  });

  for (const [what, update] of UPDATES) {
    it(`takes time in proportion to them: ${what}`, async () => {
      await client.query(update('id = 100001'));
      await client.query(update('id > 100001'));
    });
  }
});
