/*
 * The baseline of a failover: a process that only holds an advisory lock. `bareFailover` kills it with SIGKILL and measures
 * the time until a loop in this process has taken the lock. The kernel frees the memory of a killed process before it closes
 * its sockets, so the holder can be made as large as a node. Run as a program, this file is the holder.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const LOCK = 'pg_try_advisory_lock(1347178068, 99)';

/**
 * Returns the milliseconds from the SIGKILL until this process has taken the lock. With `residentMb`, the holder fills its memory
 * up to that size.
 */
export async function bareFailover(databaseUrl: string, residentMb = 0): Promise<number> {
  const program = [fileURLToPath(import.meta.url), databaseUrl, String(residentMb)];
  const holder = spawn(process.execPath, ['--import', 'tsx', ...program], { stdio: ['ignore', 'pipe', 'inherit'] });
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
  const [, , databaseUrl, residentMb] = process.argv;
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query(`SELECT ${LOCK}`);
  const missing = Number(residentMb) * 1024 * 1024 - process.memoryUsage.rss();
  const ballast = Buffer.alloc(Math.max(0, missing), 1);
  process.stdout.write('held\n');
  // The idle session keeps the process alive; without its parent it must exit.
  setInterval(() => process.ppid === 1 && process.exit(ballast.length && 1), 1000);
}
