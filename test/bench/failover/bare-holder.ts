/*
 * The baseline of a failover: a process that only holds an advisory lock. `bareFailover` kills it with SIGKILL and measures
 * the time until a loop in this process has taken the lock. Run as a program, this file is the holder.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const LOCK = 'pg_try_advisory_lock(1347178068, 99)';

/** Returns the milliseconds from the SIGKILL until this process has taken the lock. */
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
  // The idle session keeps the process alive; without its parent it must exit.
  setInterval(() => process.ppid === 1 && process.exit(), 1000);
}
