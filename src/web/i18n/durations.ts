import { currentLocale } from './language.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** Returns a length of time in its one or two largest units, such as `46 s`, `1.9 s` or `3 h 20 min`. */
export function duration(ms: number): string {
  // A gap of 4 ms is not none.
  if (ms < 95) return `${Math.max(0, Math.round(ms))} ms`;
  // Not 1000: from 995 ms on, rounding to tens would give "1000 ms".
  if (ms < 995) return `${Math.round(ms / 10) * 10} ms`;
  if (ms < 10_000) return `${number(ms / 1000, 1)} s`;
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  const index = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name = 'min', size = 60_000] = UNITS[index] ?? [];
  const [next = 's', nextSize = 1000] = UNITS[index + 1] ?? [];
  const rest = Math.floor((ms % size) / nextSize);
  return `${Math.floor(ms / size)} ${name}${rest > 0 ? ` ${rest} ${next}` : ''}`;
}

/** Returns a number with at most so many decimals, as the language writes it. */
export function number(value: number, decimals = 0): string {
  return value.toLocaleString(currentLocale(), { maximumFractionDigits: decimals });
}

/** Returns the time of day with seconds, after the date if that is not today. */
export function clockTime(time: Date, now: Date): string {
  const clock = time.toLocaleTimeString(currentLocale(), { timeStyle: 'medium' });
  if (time.toDateString() === now.toDateString()) return clock;
  return `${time.toLocaleDateString(currentLocale(), { day: 'numeric', month: 'short' })}, ${clock}`;
}
