/** Returns a key for the day of a time in the user's time zone. */
export function dayOf(time: Date): string {
  return `${time.getFullYear()}-${time.getMonth() + 1}-${time.getDate()}`;
}

/** Returns the heading of a day as seen from `now`: Today, Yesterday, or the date. */
export function dayName(time: Date, now: Date): string {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayOf(time) === dayOf(now)) return 'Today';
  if (dayOf(time) === dayOf(yesterday)) return 'Yesterday';
  const year = time.getFullYear() === now.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return time.toLocaleDateString('en', { weekday: 'long', day: 'numeric', month: 'long', ...year });
}

/** Returns the time of day in the user's locale. */
export function timeOfDay(time: Date): string {
  return time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
