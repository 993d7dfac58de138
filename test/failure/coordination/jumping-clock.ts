/*
 * Preloaded into a node: its wall clock jumps an hour ahead at the first SIGURG, two hours back at the next, and so on in
 * turn. Logs each jump. The monotonic clock is not affected, as in a kernel whose time is set.
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

process.on('SIGURG', () => {
  offset = offset > 0 ? -HOUR_MS : HOUR_MS;
  console.log(JSON.stringify({ event: 'clock_jumped', time: Date.now() }));
});
