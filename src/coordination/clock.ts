/** A clock in milliseconds that only goes forward; wall clocks jump. Injected so that tests can control it. */
export type Clock = () => number;

/** The machine's monotonic clock, the same in every thread of the process, unlike performance.now(). */
export const monotonic: Clock = () => Number(process.hrtime.bigint()) / 1e6;
