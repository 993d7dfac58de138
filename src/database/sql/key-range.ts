/** The highest id or position. */
const HIGHEST = '9223372036854775807';

/**
 * Returns the SQL condition for the rows of one key (a group, a user, a name) whose number is after `after`, up to `upTo`. The
 * columns are those of an index, such as `['m.group_id', 'm.id']`. With a LIMIT, order by both of them.
 *
 * The condition compares rows, because no other index can serve that. For `group_id = … AND id > … ORDER BY id LIMIT …`
 * PostgreSQL may read the messages of all groups by their ids, until it finds enough of this group: it assumes that those are
 * spread evenly. It may also read the whole group as a bitmap, because it does not know how many ids are in the range.
 */
export const keyRange = (
  [key, number]: readonly [string, string],
  ofKey: string,
  after: string,
  upTo: string = HIGHEST,
): string => `(${key}, ${number}) > (${ofKey}, ${after}) AND (${key}, ${number}) <= (${ofKey}, ${upTo})`;
