import type { GroupChange } from '../../../../../client/index.ts';

/** The fields of a group that its settings show. */
export type GroupFields = Required<GroupChange>;

/**
 * Returns the fields that differ from those with which the dialog was opened; undefined if none does. The others stay as they are
 * now, because another user may have changed them since.
 */
export function groupChanges(opened: GroupFields, current: GroupFields): GroupChange | undefined {
  const changed = Object.entries(current).filter(([field, value]) => value !== opened[field as keyof GroupFields]);
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}
