import { UnreadableResponseError } from './errors.ts';
import type { ApiResponse } from './requests/single-request.ts';

/**
 * Returns the body of a 2xx response, which must have the given fields.
 * @throws {UnreadableResponseError} otherwise: another program has sent the response, and an error here is clearer than an
 * undefined value later.
 */
export function decodeBody<T extends object>(response: ApiResponse, ...fields: (keyof T & string)[]): T {
  for (const field of fields) {
    if (response.body?.[field] === undefined) {
      throw new UnreadableResponseError(`the response has no "${field}": is this URL a Plantão node?`, {
        status: response.status,
        code: 'unreadable_response',
      });
    }
  }
  return response.body as T;
}
