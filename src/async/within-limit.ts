/**
 * Resolves or rejects as `work` does, within `limitMs`; after that, rejects with the error that `onLate` returns. After a stall of this
 * process, timers run before sockets: a reply that has already arrived is read first, so `onLate` means that there is none.
 */
export async function withinLimit<T>(limitMs: number, work: Promise<T>, onLate: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let isSettled = false;
  const late = new Promise<never>((_, reject) => {
    const giveUp = () => {
      if (!isSettled) reject(onLate());
    };
    timer = setTimeout(() => setImmediate(giveUp), limitMs);
  });
  // A late failure has been reported as late.
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}
