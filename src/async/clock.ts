/** A clock in milliseconds that only goes forward; wall clocks jump. Injected so that tests can control it. */
export type Clock = () => number;

/** The machine's monotonic clock, the same in every thread of the process: for times that threads share. */
export const monotonic: Clock = () => Number(process.hrtime.bigint()) / 1e6;

/** The monotonic clock of this thread. It costs less, and its times mean nothing in another thread. */
export const threadClock: Clock = () => performance.now();
