import type { Request } from 'express';

/** No client sends a longer type, and parsing one of 16 KB takes milliseconds. */
const MAX_TYPE_LENGTH = 200;

/** Returns true if the body has one of these content types, and a character set that `charset` matches or none. */
export function hasType(request: Request, types: string[], charset: RegExp): boolean {
  const type = request.headers['content-type'] ?? '';
  if (type.length > MAX_TYPE_LENGTH || !request.is(types)) return false;
  const named = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type)?.[1];
  return named === undefined || charset.test(named);
}
