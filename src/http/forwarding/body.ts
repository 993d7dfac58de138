import type { Request } from 'express';
import { HttpError } from '../http-error.ts';

const bodies = new WeakMap<Request, Buffer>();

/** Returns the body that {@link readWholeBody} has read, if this request was to be forwarded and is now handled here. */
export const wholeBodyOf = (request: Request): Buffer | undefined => bodies.get(request);

/**
 * Reads the body of a request, as the client sent it. Calls `onBytes` with the size of each piece; it may throw.
 * @throws {HttpError} 413 for more than `limit` bytes.
 */
export async function readWholeBody(
  request: Request,
  limit: number,
  onBytes: (count: number) => void = () => {},
): Promise<Buffer> {
  const read = bodies.get(request);
  if (read) return read;
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    // Without destroyOnReturn a 413 would end the connection before the client has it.
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > limit) throw new HttpError(413, 'too_large', 'the body is too large');
      onBytes(piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    // Node.js does not discard the rest of a body that was read in part: the next request on the connection would wait for it.
    request.resume();
    throw error;
  }
  const body = Buffer.concat(pieces);
  bodies.set(request, body);
  return body;
}
