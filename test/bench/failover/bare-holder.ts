/*
 * The floor of a failover: a process that does nothing but hold an advisory lock. `bareFailover` kills it with -9 and
 * measures until a bare loop in this process has the lock. Started by itself, this file is the holder.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const LOCK = 'pg_try_advisory_lock(1347178068, 99)';

/** Milliseconds from kill -9 of the holder until the lock is had here. */
export async function bareFailover(databaseUrl: string): Promise<number> {
  const holder = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), databaseUrl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const client = new pg.Client(databaseUrl);
  try {
    await Promise.all([client.connect(), once(holder.stdout, 'data')]);
    const killedAt = performance.now();
    holder.kill('SIGKILL');
    for (;;) {
      const { rows } = await client.query(`SELECT ${LOCK} AS taken`);
      if (rows[0]?.taken) return performance.now() - killedAt;
    }
  } finally {
    holder.kill('SIGKILL');
    await client.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const client = new pg.Client(process.argv[2]);
  await client.connect();
  await client.query(`SELECT ${LOCK}`);
  process.stdout.write('held\n');
  // An idle session keeps the process; a parent that is gone must not leave it behind.
  setInterval(() => process.ppid === 1 && process.exit(), 1000);
}
