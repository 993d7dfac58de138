import { onAbort } from './on-abort.ts';

/** Resolves after `ms`, or rejects with the signal's reason when it is aborted. Leaves no timer and no listener behind. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      unlisten();
      resolve();
    }, ms);
    const unlisten = onAbort(signal, () => {
      clearTimeout(timer);
      unlisten();
      reject(signal?.reason);
    });
  });
}
