import type { User } from '../../../client/index.ts';
import { foldedName } from '../../../text/folded-name.ts';

/** The person that a typed name means, or why it means none: unknown, one who is excluded, or several. */
export type PersonChoice = { user: User } | { problem: 'unknown' | 'excluded' | 'several' };

/**
 * Returns the person whom a typed name means: the one with exactly this name, or else the only one whose name differs only in its
 * accents, or else the only one whose name contains it.
 */
export function choosePerson(name: string, found: readonly User[], isExcluded: (user: User) => boolean): PersonChoice {
  const exact = found.find(({ username }) => isSameName(username, name));
  if (exact !== undefined) return isExcluded(exact) ? { problem: 'excluded' } : { user: exact };
  const wanted = foldedName(name.trim());
  const [folded, ...alike] = found.filter(({ username }) => foldedName(username) === wanted);
  if (folded !== undefined && alike.length === 0)
    return isExcluded(folded) ? { problem: 'excluded' } : { user: folded };
  const [first, ...others] = found.filter((user) => !isExcluded(user));
  if (first === undefined) return { problem: 'unknown' };
  return others.length === 0 ? { user: first } : { problem: 'several' };
}

/** Returns true for two spellings of a name that the nodes do not tell apart. */
function isSameName(one: string, other: string): boolean {
  const [first, second] = [one, other].map((name) => name.normalize('NFC').trim().toLowerCase());
  return first === second;
}
