/** The part of a request that depends on the values of a form, or of the examples. */
export interface CommandRequest {
  /** The path with its query, encoded. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
}

/**
 * Returns a command line. `head` has what does not depend on the values: the program, the method, a new idempotency key, the token.
 * `base` is the address of the node.
 */
export function curlCommand(head: string, base: string, { path, headers, body }: CommandRequest): string {
  const all = body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' };
  return [
    head,
    ...Object.entries(all).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`-d ${quoted(compact(body))}`]),
    quoted(base + path),
  ].join(' ');
}

/** Returns the value in single quotes for a POSIX shell. */
const quoted = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;

/** Returns JSON in one line; a body that is not JSON stays as it is. */
function compact(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}
