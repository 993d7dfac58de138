import { isJsonObject } from '../../text/json-object.ts';

/**
 * Returns a JSON value as text that does not depend on the order of the keys of its objects. Languages order them differently, so a
 * client that repeats a request after a restart may send another order. PostgreSQL's jsonb does not keep their order either.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (isJsonObject(one) ? sorted(one) : one));
}

function sorted(object: object): object {
  return Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)));
}
