/** Maximum nesting depth of objects and lists, including the body itself: enough for real clients, too few to exhaust a stack here or in PostgreSQL. */
const MAX_DEPTH = 100;
/** Maximum number of members of all objects and lists together: more than a payload of 64 KiB can contain. */
const MAX_MEMBERS = 40_000;

const code = (character: string) => character.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA] = [code('"'), code('\\'), code(',')];
const OPENING = new Set([code('['), code('{')]);
const CLOSING = new Set([code(']'), code('}')]);

/**
 * Returns the bound that a JSON text in UTF-8 exceeds, as a sentence, or null. This is checked before parsing, because the parser
 * takes 40 ms for objects nested 60,000 deep. Text that is not JSON may pass: the parser rejects it.
 */
export function boundsProblem(bytes: Uint8Array): string | null {
  let [depth, members] = [0, 1];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) at = endOfString(bytes, at);
    else if (byte === COMMA) members++;
    else if (CLOSING.has(byte)) depth--;
    else if (OPENING.has(byte) && ++depth > MAX_DEPTH) return `must not be nested deeper than ${MAX_DEPTH} levels`;
  }
  return members > MAX_MEMBERS ? `must have ${MAX_MEMBERS} members or fewer` : null;
}

/** Returns the index of the quotation mark that closes the string starting at `start`, or the length if there is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at;
  }
  return bytes.length;
}
