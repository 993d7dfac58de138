import { readFile } from 'node:fs/promises';
import type { BenchProcess } from './process.ts';

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** A function and its share of the CPU time of a process, without its callees. */
export interface Frame {
  name: string;
  share: number;
}

/** Runs `work`, and writes a CPU profile of `server` during that time to `file`. */
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

/** Returns the functions with the most self time in a profile, without idle time. */
export async function topFrames(file: string, count = 10): Promise<Frame[]> {
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
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

function frameName({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/(node_modules|src)\//, '$1/').replace(/^node_modules\//, '');
  return url === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
