import { currentLocale } from './language.ts';
import { texts } from './texts.ts';

/** Returns a key for the day of a time in the user's time zone. */
export function dayOf(time: Date): string {
  return `${time.getFullYear()}-${time.getMonth() + 1}-${time.getDate()}`;
}

/** Returns the heading of a day as seen from `now`: Today, Yesterday, or the date. */
export function dayName(time: Date, now: Date): string {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayOf(time) === dayOf(now)) return texts().common.today;
  if (dayOf(time) === dayOf(yesterday)) return texts().common.yesterday;
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return format(time, { weekday: 'long', day: 'numeric', month: 'long', ...year });
}

/** Returns the time of day. */
export function timeOfDay(time: Date): string {
  return format(time, { hour: '2-digit', minute: '2-digit' });
}

/** Returns the time of day at which something ends, with the date unless it is today. */
export function untilTime(time: Date, now: Date): string {
  if (dayOf(time) === dayOf(now)) return timeOfDay(time);
  return format(time, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}

/** Returns the date and the time. */
export function dateAndTime(time: Date): string {
  return format(time, { dateStyle: 'full', timeStyle: 'medium' });
}

/** Returns the time of a message in a list: the time of day for today, else the date. */
export function shortTime(time: Date, now: Date): string {
  if (dayOf(time) === dayOf(now)) return timeOfDay(time);
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return format(time, { day: 'numeric', month: 'short', ...year });
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Reuses the formats: creating one takes a hundred times as long as using it. */
function format(time: Date, options: Intl.DateTimeFormatOptions): string {
  const key = currentLocale() + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.DateTimeFormat(currentLocale(), options);
  formats.set(key, known);
  return known.format(time);
}
