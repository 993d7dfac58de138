/**
 * Control characters (C0, C1, DEL), bidirectional controls, line separators, invisible characters and lone surrogates. Unicode's
 * two joiners are kept, because names contain them.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

const escapes: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Credentials and their replacements: URLs with a password, tokens, parameters that contain either. */
const SECRETS: [RegExp, string][] = [
  [/(postgres(?:ql)?:\/\/)[^\s'"]*@/gi, '$1***@'],
  [/\b(Bearer|Basic) +[\w.~+/=-]{16,}/gi, '$1 ***'],
  [/\b((?:ssl)?password|access_token|admin_token)=(?:'[^']*'|[^\s&'"]+)/gi, '$1=***'],
];

/** Number of characters read beyond the limit, so that a credential that crosses it is recognised. */
const MAX_SECRET_LENGTH = 1000;

/**
 * Returns untrusted text in a form that is safe for a log or a terminal: on one line, with unprintable characters escaped,
 * without credentials, and with at most `maxLength` characters of the text.
 */
export function printable(text: string, maxLength = 2000): string {
  let shown = text.slice(0, maxLength + MAX_SECRET_LENGTH);
  for (const [secret, kept] of SECRETS) shown = shown.replace(secret, kept);
  shown = shown.slice(0, maxLength).replace(UNPRINTABLE, escaped);
  return text.length > maxLength ? `${shown}… (${text.length - maxLength} characters more)` : shown;
}

/** Does the same as {@link printable}, but keeps line breaks: for our own errors that are lists. */
export const printableLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return escapes[character] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`);
}
