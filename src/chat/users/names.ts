/**
 * The characters that a username or the name of a group may have, and the key by which usernames count as the same.
 *
 * A name must not hide anything, and people must be able to write their own. Joiners and variation selectors are invisible by
 * themselves but change how their neighbours look, so they are accepted where Unicode allows that (emoji by UTS 51, joiners by
 * UTS 46) and nowhere else. The key ignores them everywhere.
 */
import { withoutValidJoiners } from './joiners.ts';

/** The first characters of the sender name of a hook. No username may contain them, so that a hook cannot be confused with a user. */
export const HOOK_MARK = '\u{1fa9d}';

/**
 * Control characters, and all that is invisible: bidirectional controls, joiners, selectors, fillers, tags, blanks, noncharacters, the
 * object replacement character, and the controls of hieroglyphs.
 */
const HIDDEN =
  /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2028\u2029\u2800\ufff9-\ufffc\u{13430}-\u{13440}\u{13447}-\u{13455}\u{16fe4}]/u;

/** A pictograph with its selectors and skin tone; the flags that are spelled with tags (England, Scotland, Wales). */
const PICTOGRAPH = String.raw`(?:\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{1,6}\u{e007f}|\p{Extended_Pictographic}(?:\ufe0f\p{Emoji_Modifier}|\p{Emoji_Modifier}\ufe0f?|[\ufe0e\ufe0f])?)`;
/** The sequences in which invisible characters are accepted: joined emoji, keycaps, variants of Chinese and Mongolian letters. */
const SEQUENCE = String.raw`${PICTOGRAPH}(?:\u200d${PICTOGRAPH})*|[0-9#*]\ufe0f?\u20e3|(?<=\p{Unified_Ideograph})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]|(?<=(?=\p{L})\p{Script=Mongolian})[\u180b-\u180f]`;
const SEQUENCES = new RegExp(SEQUENCE, 'gu');
const ANY_SELECTOR = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const SELECTOR = new RegExp(`(${SEQUENCE})|${ANY_SELECTOR.source}`, 'gu');

/** The characters that a key ignores: {@link HIDDEN} except white space. */
const IGNORED = /(?![\t\n\v\f\r\x85])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/gu;

/**
 * Returns true if a name has a control character, or an invisible one in a place where it changes nothing visible.
 * For short text only: the caller has checked the length.
 */
export function hidesCharacters(name: string): boolean {
  if (!HIDDEN.test(name)) return false;
  const rest = withoutValidJoiners(name);
  return HIDDEN.test(rest) && HIDDEN.test(rest.replace(SEQUENCES, '☺'));
}

/** Longest username, in characters; the table checks it too. */
const MAX_USERNAME_LENGTH = 64;

/** Returns text from another service as a username, in the form that requests must have; null if it cannot be one. */
export function usernameOf(text: unknown): string | null {
  // The length comes first: normalising long text takes time quadratic in the number of combining marks.
  if (typeof text !== 'string' || text.length > 4 * MAX_USERNAME_LENGTH || !text.isWellFormed()) return null;
  const name = withoutStraySelectors(text.normalize('NFC'))
    .replace(/[^\S\ufeff]+/g, ' ')
    .trim();
  if (name === '' || [...name].length > MAX_USERNAME_LENGTH || nameKey(name) === '') return null;
  return hidesCharacters(name) || name.includes(HOOK_MARK) ? null : name;
}

/** Removes variation selectors that select nothing: keyboards and copied text leave them behind. */
export function withoutStraySelectors(name: string): string {
  // The short test first: most names have no selector.
  return ANY_SELECTOR.test(name) ? name.replace(SELECTOR, (_, sequence: string | undefined) => sequence ?? '') : name;
}

/**
 * Returns a key that is equal for usernames that count as the same. plantao.name_key is authoritative: its result differs only
 * where PostgreSQL's locale has a different lower case. For short text only.
 */
export function nameKey(name: string): string {
  return name
    .replace(IGNORED, '')
    .normalize('NFKC')
    .replace(/[\s\x85]+/g, ' ')
    .trim()
    .replaceAll('\u0130', 'i')
    .toLowerCase()
    .replaceAll('\u03c2', '\u03c3');
}
