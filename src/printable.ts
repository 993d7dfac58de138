/**
 * Control characters (C0, C1, DEL), marks that turn the direction of text or end a line, characters that are not seen, and
 * halves of a character. The two joiners of Unicode are part of names and stay.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

const escapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What tells a stranger how to come in, with what is kept of it: URLs with a password, tokens, parameters that hold either. */
const SECRETS: [RegExp, string][] = [
  [/(postgres(?:ql)?:\/\/)[^\s'"]*@/gi, '$1***@'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{16,}/gi, '$1 ***'],
  [/\b((?:ssl)?password|access_token|admin_token)=(?:'[^']*'|[^\s&'"]+)/gi, '$1=***'],
];

/** A secret that the end of the text would cut in two must be whole to be known. */
const LONGEST_SECRET = 1000;

/**
 * Returns text of others as a log or a terminal may show it: on one line, with what cannot be printed written as an escape,
 * without credentials, and with at most `longest` characters of the original.
 */
export function printable(text: string, longest = 2000): string {
  let shown = text.slice(0, longest + LONGEST_SECRET);
  for (const [secret, kept] of SECRETS) shown = shown.replace(secret, kept);
  shown = shown.slice(0, longest).replace(UNPRINTABLE, escaped);
  return text.length > longest ? `${shown}… (${text.length - longest} characters more)` : shown;
}

/** As {@link printable}, line by line: for errors of ours that are a list. */
export const printableLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return escapes[character] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`);
}
