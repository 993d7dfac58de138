import type { Worker } from 'node:worker_threads';

/** The threads of this process that run, those that do not keep it alive among them. */
const running = new Set<Worker>();

/** Ours may use little memory; tsx's compiler, which comes when it is first needed and stays, has no limit. */
const LIMIT_MB = 64;
const isOurs = ({ resourceLimits }: Worker) =>
  (resourceLimits?.maxOldGenerationSizeMb ?? Number.POSITIVE_INFINITY) <= LIMIT_MB;

process.on('worker', (worker) => {
  if (!isOurs(worker)) return;
  running.add(worker);
  worker.once('exit', () => running.delete(worker));
});

export const runningWorkers = (): Worker[] => [...running];
