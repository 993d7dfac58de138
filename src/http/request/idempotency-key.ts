import type { Request } from 'express';
import type { RequestKey } from '../../chat/idempotency/idempotent-write.ts';
import { invalid } from '../http-error.ts';

const MAX_KEY_LENGTH = 255;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** The JSON Schema of the header. */
export const KEY_SCHEMA = { type: 'string', minLength: 1, maxLength: MAX_KEY_LENGTH, pattern: PRINTABLE.source };

/** Returns the Idempotency-Key, or null. @throws {HttpError} 400 if it is empty, too long or not printable ASCII. */
export function idempotencyKey(request: Request): string | null {
  const key = request.get('Idempotency-Key');
  if (key === undefined) return null;
  if (key.length <= MAX_KEY_LENGTH && PRINTABLE.test(key)) return key;
  throw invalid('Idempotency-Key', `must have 1 to ${MAX_KEY_LENGTH} printable characters without spaces`);
}

/** Returns the key of a request for idempotentWrite, or null. `input` is the validated input, with the parameters of the path. @throws as {@link idempotencyKey}. */
export function requestKeyOf(request: Request, userId: number | null, input: unknown): RequestKey | null {
  const key = idempotencyKey(request);
  if (key === null) return null;
  // The route's path, not the request's: /notify/a, /Notify/a and /notify/a/ are the same request.
  const { path }: { path: string } = request.route;
  return { userId, key, request: [request.method, path, input] };
}
