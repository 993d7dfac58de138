/** Splits at the last @ before the path and the parameters, so that a password may contain @ and ? unencoded. */
export function splitCredentials(text: string): { credentials: string; location: string } {
  const first = text.indexOf('@');
  const slash = text.indexOf('/');
  if (first < 0 || (slash >= 0 && slash < first)) return { credentials: '', location: text };
  const length = text.slice(first).search(/[/?]/);
  const last = text.lastIndexOf('@', length < 0 ? undefined : first + length);
  return { credentials: text.slice(0, last), location: text.slice(last + 1) };
}

/** Splits at the first separator; returns one part if there is none. */
export function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Decodes escapes. A percent sign that begins none is kept: passwords contain it unencoded. */
export function decodeEscapes(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
