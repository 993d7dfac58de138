/** An index on a key and a number: `['m.group_id', 'm.id']`. */
type KeyAndNumber = readonly [key: string, number: string];

/** The highest id or position. */
const HIGHEST = '9223372036854775807';

/**
 * Returns the SQL condition for the rows of one key (a group, a user, a name) whose number is after `after`. Order by key and number,
 * ascending, with a LIMIT.
 *
 * The condition compares rows, because only an index on key and number can serve that. For `group_id = … AND id > … ORDER BY id
 * LIMIT …` PostgreSQL may read the messages of all groups by their ids, until it finds enough of this group: it assumes that those
 * are spread evenly.
 *
 * There is no bound at the other end: before version 18, PostgreSQL would not stop there, but read the index on to the last entry of
 * the key. A statement that needs one checks it outside of the LIMIT.
 */
export const rowsAfter = ([key, number]: KeyAndNumber, ofKey: string, after: string): string =>
  `(${key}, ${number}) > (${ofKey}, ${after}) AND (${key}, ${number}) <= (${ofKey}, ${HIGHEST})`;

/** Returns the SQL condition for the rows of one key up to a number, or all. Like {@link rowsAfter}, but order descending. */
export const rowsUpTo = ([key, number]: KeyAndNumber, ofKey: string, upTo: string = HIGHEST): string =>
  `(${key}, ${number}) <= (${ofKey}, ${upTo}) AND (${key}, ${number}) > (${ofKey}, 0)`;
