import { readFile } from 'node:fs/promises';
import type { BenchProcess } from './process.ts';

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** One function's own share of the time that a process was at work. */
export interface Frame {
  name: string;
  share: number;
}

/** Runs `work` while the CPU profile of `server` is taken, which goes to `file`. */
export async function profiled<Result>(
  server: BenchProcess,
  file: string,
  work: () => Promise<Result>,
): Promise<Result> {
  await server.ask('profileStart');
  try {
    return await work();
  } finally {
    await server.ask('profileStop', file);
  }
}

/** The functions that took the most time of their own in a profile; idle time counts for nothing. */
export async function topFrames(file: string, count = 10): Promise<Frame[]> {
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  for (const [at, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '';
    if (name === '(idle)') continue;
    const time = profile.timeDeltas[at] ?? 0;
    times.set(name, (times.get(name) ?? 0) + time);
    total += time;
  }
  return [...times]
    .map(([name, time]) => ({ name, share: time / total }))
    .sort((one, other) => other.share - one.share)
    .slice(0, count);
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/(node_modules|src)\//, '$1/').replace(/^node_modules\//, '');
  return url === '' ? functionName : `${functionName || '(nameless)'} ${file}:${lineNumber + 1}`;
}
