/*
 * Preloaded into a node: its wall clock jumps an hour ahead at each SIGURG, and two hours back at each SIGWINCH. Logs each
 * jump. The monotonic clock is not affected, as in a kernel whose time is set.
 */
const HOUR_MS = 3_600_000;
const real = Date.now;
let offset = 0;

const now = () => real() + offset;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [now()] : given, made),
  apply: () => new Date().toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});

const jump = (byMs: number) => () => {
  const before = Date.now();
  offset += byMs;
  console.log(JSON.stringify({ event: 'clock_jumped', time: Date.now(), byMs: Date.now() - before }));
};
process.on('SIGURG', jump(HOUR_MS));
process.on('SIGWINCH', jump(-2 * HOUR_MS));
