/**
 * Returns a JSON value as text that does not depend on the order of the keys of its objects. Languages order them differently, so a
 * client that repeats a request after a restart may send another order. PostgreSQL's jsonb does not keep their order either.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (isObject(one) ? sorted(one) : one));
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));
}
