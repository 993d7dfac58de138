/** A clock in milliseconds that only goes forward; wall clocks jump. Injected so that tests can turn it. */
export type Clock = () => number;

/** The machine's monotonic clock, the same in every thread of the process: that of performance.now() is not. */
export const monotonic: Clock = () => Number(process.hrtime.bigint()) / 1e6;
