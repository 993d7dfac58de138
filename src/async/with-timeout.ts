/**
 * Runs a callback after the sockets were read. After a stall of a process, timers run before sockets: this way a reply that has already
 * arrived is read first, so a timeout means that there is none. Browsers have no setImmediate.
 */
const afterSockets = globalThis.setImmediate ?? ((run: () => void) => run());

/**
 * Resolves or rejects as `work` does, within `limitMs`; after that, returns or throws as `onTimeout` does. The work goes on, and a
 * later failure of it is ignored.
 */
export async function withTimeout<T>(limitMs: number, work: Promise<T>, onTimeout: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let isSettled = false;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(() => afterSockets(() => resolve()), limitMs);
  });
  try {
    return await Promise.race([work, timeout.then(() => (isSettled ? work : onTimeout()))]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}
