import type pg from 'pg';
import { sqlState } from '../../../src/database/errors.ts';
import type { Fault, Heal } from '../../../src/prove/faults/fault.ts';
import type { Random } from '../../../src/prove/random.ts';
import type { TestRig } from '../test-rig.ts';
import { asDba, forgetWriter, groupsOfRun, recordWritten } from './dba.ts';
import { requireWrites } from './require-writes.ts';

const INSERT = 'INSERT INTO plantao.messages (group_id, sender_id, content';

/** Rows that the schema must refuse; $1 is a group, $2 a user. */
const REFUSED: readonly string[] = [
  `${INSERT}, created_at) VALUES ($1, $2, 'x', 'infinity')`,
  `${INSERT}, created_at) VALUES ($1, $2, 'x', '-infinity')`,
  `${INSERT}, created_at) VALUES ($1, $2, 'x', '294276-01-01')`,
  `${INSERT}, created_at) VALUES ($1, $2, 'x', '0044-03-15 BC')`,
  `${INSERT}) VALUES ($1, $2, repeat(repeat('x', 65536), 1024))`,
  `${INSERT}, id) VALUES ($1, $2, 'x', 9007199254740992)`,
  `UPDATE plantao.messages SET created_at = 'infinity' WHERE group_id = $1 AND sender_id = $2`,
  `UPDATE plantao.leader_terms SET started_at = '-infinity' WHERE $1::bigint = $1 AND $2::bigint = $2`,
];
/** The most that the schema allows. */
const MAX_LENGTH = 4096;
const ALLOWED_TIMES = ['1970-01-01 UTC', '9999-12-31 23:59:59.999999 UTC'];
const BULK = 20_000;
/** One of this many rows of a bulk is for a group that readers read. */
const BULK_PER_READ = 200;
const SEQUENCES = ['messages_id_seq', 'users_id_seq', 'groups_id_seq'];

let written = 0;
const nextName = (what: string) => `sql-${what}-${written++}`;

/** Writes rows that the schema refuses, and rows that it just accepts. */
async function insertHostileRows(rig: TestRig, random: Random): Promise<Heal> {
  const problems: string[] = [];
  await asDba(rig, async (client) => {
    const { group, sender } = random.pick(await groupsOfRun(client));
    for (const statement of REFUSED) {
      const outcome = await client.query(statement, [group, sender]).then(
        ({ rowCount }) => `changed ${rowCount} rows`,
        (error) => sqlState(error) ?? String(error),
      );
      if (outcome !== '23514') problems.push(`"${statement}" was not refused by a constraint: ${outcome}`);
    }
    for (const createdAt of ALLOWED_TIMES) {
      const name = nextName('huge');
      const value = `${name}-${'😀'.repeat(MAX_LENGTH)}`.slice(0, 2 * MAX_LENGTH - name.length - 1);
      await insert(rig, client, [value], group, () =>
        client.query(`${INSERT}, created_at) VALUES ($1, $2, $3, $4)`, [group, sender, value, createdAt]),
      );
    }
  });
  return async () => {
    if (problems.length > 0) throw new Error(problems.join('; '));
  };
}

/** Runs one INSERT in a transaction that the checker knows about. */
async function insert(
  rig: TestRig,
  client: pg.Client,
  values: string[],
  group: number,
  run: () => Promise<unknown>,
): Promise<void> {
  await client.query('BEGIN');
  try {
    recordWritten(
      rig,
      values.map((value) => ({ value, group })),
    );
    await run();
    await forgetWriter(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Inserts many messages in one statement: most in a group that no reader reads, some in one of the run. */
async function insertBulk(rig: TestRig, random: Random): Promise<Heal> {
  const name = nextName('bulk');
  await asDba(rig, async (client) => {
    const { group, sender } = random.pick(await groupsOfRun(client));
    const values = Array.from({ length: BULK / BULK_PER_READ }, (_, at) => `${name}-${(at + 1) * BULK_PER_READ}`);
    await insert(rig, client, values, group, () =>
      client.query(
        `WITH of_nobody AS (INSERT INTO plantao.groups (name) VALUES ($3) RETURNING id)
         ${INSERT}) SELECT CASE WHEN n % $4::int = 0 THEN $1::bigint ELSE of_nobody.id END, $2, $3 || '-' || n
         FROM of_nobody, generate_series(1, $5::int) n ORDER BY n`,
        [group, sender, name, BULK_PER_READ, BULK],
      ),
    );
  });
  return () =>
    asDba(rig, (client) => client.query('DELETE FROM plantao.groups WHERE name = $1', [name])).then(() => undefined);
}

/** Faults of rows that are written in SQL. */
export const ROW_FAULTS: readonly Fault<TestRig>[] = [
  requireWrites({
    kind: 'hostile rows in SQL',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.05, 1],
    inject: (rig, _node, random) => insertHostileRows(rig, random),
  }),
  requireWrites({
    kind: 'bulk INSERT in SQL',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.05, 1],
    inject: (rig, _node, random) => insertBulk(rig, random),
  }),
  requireWrites({
    kind: 'sequences set back',
    weight: 2,
    affects: ['postgres'],
    durationInLeases: [0.05, 1],
    async inject(rig, _node, random) {
      const to = random.pick([1, 1, random.integer(1, 500)]);
      await asDba(rig, async (client) => {
        for (const sequence of SEQUENCES) await client.query(`SELECT setval('plantao.${sequence}', ${to}, false)`);
      });
      return async () => undefined;
    },
  }),
];
