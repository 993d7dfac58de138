/** The value of a parameter that occurs twice in a query. No schema accepts it. */
export class Repeated {}
const repeated = new Repeated();

/**
 * Returns the query parameters with these names. Other parameters are ignored and cost almost nothing. Bytes that are not
 * UTF-8 become a lone surrogate, which no schema accepts, rather than U+FFFD, which is a valid character.
 */
export function queryOf(url: string, names: ReadonlySet<string>): Record<string, string | Repeated> {
  const found: Record<string, string | Repeated> = {};
  const start = url.indexOf('?');
  if (start < 0) return found;
  for (const part of url.slice(start + 1).split('&')) {
    const end = part.indexOf('=');
    const name = decoded(end < 0 ? part : part.slice(0, end));
    if (names.has(name))
      found[name] = Object.hasOwn(found, name) ? repeated : decoded(end < 0 ? '' : part.slice(end + 1));
  }
  return found;
}

function decoded(part: string): string {
  const text = part.replaceAll('+', ' ');
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return '\ud800';
  }
}
