/**
 * `npm run bench:transfer`: exports a million messages and imports them into an empty database. The baseline is PostgreSQL's own COPY
 * of the same messages from a file into a table with the same indexes, without constraints, triggers and foreign keys.
 */
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate } from '../../../src/database/migrator.ts';
import { plantao } from '../../support/nodes/command.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { sql } from '../common/people.ts';

const MESSAGES = Number(process.argv[2] ?? 1_000_000);
const GROUPS = 100;

if (!Number.isSafeInteger(MESSAGES) || MESSAGES < 1) {
  console.error(`usage: npm run bench:transfer -- [NUMBER OF MESSAGES], not "${process.argv[2]}"`);
  process.exit(2);
}

const folder = await mkdtemp(path.join(tmpdir(), 'plantao-transfer-'));
// COPY TO writes as the user of the server, which is another one where root runs this.
await chmod(folder, 0o777);
const postgres = await startPostgresOfItsOwn();
const urlOf = (database: string) => Object.assign(new URL(postgres.url), { pathname: `/${database}` }).toString();
try {
  for (const name of ['source', 'target']) {
    await sql(postgres.url, `CREATE DATABASE ${name}`);
    await migrate(urlOf(name));
  }
  await sql(
    urlOf('source'),
    `INSERT INTO plantao.users (username) SELECT 'user ' || n FROM generate_series(1, 1000) n;
     INSERT INTO plantao.groups (name, creator_id) SELECT 'group ' || n, n FROM generate_series(1, ${GROUPS}) n;
     INSERT INTO plantao.memberships (group_id, user_id) SELECT 1 + n % ${GROUPS}, n FROM generate_series(1, 1000) n;
     INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT 1 + n % ${GROUPS}, 1 + n % 1000, 'message ' || n || ' ' || repeat('x', n % 120) FROM generate_series(1, ${MESSAGES}) n`,
  );
  const file = path.join(folder, 'all.jsonl');
  const perMinute = (ms: number) => `${Math.round((MESSAGES / ms) * 60_000).toLocaleString('en')} messages a minute`;
  const took: Record<string, number> = {};
  for (const [name, url] of [
    ['export', urlOf('source')],
    ['import', urlOf('target')],
  ] as const) {
    const { exit, errors, output, ms } = await plantao([name, file, '--database', url]);
    if (exit !== 0) throw new Error(errors);
    took[name] = ms;
    const size = ((await stat(file)).size / 1e6).toFixed(0);
    console.log(`${name}: ${(ms / 1000).toFixed(1)} s for ${MESSAGES} messages (${size} MB), ${perMinute(ms)}`);
    if (output) process.stdout.write(output);
  }
  const bare = path.join(folder, 'bare');
  await sql(
    urlOf('target'),
    `COPY plantao.messages TO '${bare}'; CREATE TABLE bare (LIKE plantao.messages INCLUDING INDEXES); CHECKPOINT`,
  );
  const copyingAt = performance.now();
  await sql(urlOf('target'), `COPY bare FROM '${bare}'`);
  const copyMs = performance.now() - copyingAt;
  const ratio = ((took.import ?? 0) / copyMs).toFixed(1);
  console.log(`COPY: ${(copyMs / 1000).toFixed(1)} s, ${perMinute(copyMs)}; import takes ${ratio} times as long`);
} finally {
  await rm(folder, { recursive: true, force: true });
  await postgres.remove();
}
