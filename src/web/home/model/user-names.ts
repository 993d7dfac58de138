import { chatTexts } from '../../i18n/texts.ts';

/** The name of a deleted account in the database, which only distinguishes it from others. */
const DELETED = /^deleted-(\d+)-[0-9a-f]{8}$/;

/** Returns true for the name of a deleted account. */
export const isDeletedName = (username: string): boolean => DELETED.test(username);

/** Returns the name of a user as the page shows it. With `id`, a user who has chosen such a name is not taken for a deleted account. */
export function shownName(username: string, id?: number | null): string {
  const [, deleted] = DELETED.exec(username) ?? [];
  const isDeleted = deleted !== undefined && (id == null || deleted === String(id));
  return isDeleted ? chatTexts().deletedAccount : username;
}
