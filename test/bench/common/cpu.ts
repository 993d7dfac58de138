import { readFile } from 'node:fs/promises';

/** Linux reports CPU time in hundredths of a second. */
const TICK_MS = 10;

/** Returns the CPU time that processes of this machine have used, in milliseconds. One that has ended counts nothing. */
export async function cpuMs(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // After the name in parentheses, the 12th and 13th fields are user and system time.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    sum += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS;
  }
  return sum;
}
