import type { Worker } from 'node:worker_threads';

/** The running threads of this process, including those that do not keep it alive. */
const running = new Set<Worker>();

/** Threads of the nodes have a memory limit; the compiler of tsx, which starts once and stays, has none. */
const LIMIT_MB = 64;
const isOurs = ({ resourceLimits }: Worker) =>
  (resourceLimits?.maxOldGenerationSizeMb ?? Number.POSITIVE_INFINITY) <= LIMIT_MB;

process.on('worker', (worker) => {
  if (!isOurs(worker)) return;
  running.add(worker);
  worker.once('exit', () => running.delete(worker));
});

export const runningWorkers = (): Worker[] => [...running];
