import type { Request } from 'express';
import { HttpError, unsupportedBody } from '../http-error.ts';
import { hasTooManyChunks } from '../request/body/chunk-limit.ts';
import { sendContinue } from '../request/body/expected-continue.ts';
import { unfinishedBodies } from '../request/body/unfinished-bodies.ts';

const bodies = new WeakMap<Request, Buffer>();

/** Returns true if {@link readWholeBody} has read the body: the request was to be forwarded and is now handled here. */
export const isReadWhole = (request: Request): boolean => bodies.has(request);

const tooLarge = () => new HttpError('too_large', 'the body is too large');

/**
 * Reads the body of a request, as the client sent it. Calls `onBytes` with the size of each piece; it may throw. The rest of a
 * body that is too large is discarded while the client already has the response; it must arrive within the time limit of a request.
 * @throws {HttpError} 413 for more than `limit` bytes: at once if Content-Length says so, otherwise at the limit.
 */
export async function readWholeBody(
  request: Request,
  limit: number,
  onBytes: (count: number) => void = () => {},
): Promise<Buffer> {
  const read = bodies.get(request);
  if (read) return read;
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  sendContinue(request);
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    // By default, leaving the loop destroys the request: the connection would close before the client has the 413.
    for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > limit) throw tooLarge();
      if (hasTooManyChunks(request)) throw new HttpError('too_large', 'the body has too many chunks');
      onBytes(piece.length);
      unfinishedBodies.hold(request, piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    // Node.js does not discard the rest of a body that was read in part: the next request on the connection would wait for it.
    request.resume();
    throw error;
  } finally {
    unfinishedBodies.release(request);
  }
  const body = Buffer.concat(pieces);
  bodies.set(request, body);
  return body;
}

/**
 * Reads the body as {@link readWholeBody} does, and calls `done` with it or with the error. Calls it with 415 for a compressed
 * body, and not at all when the client disconnects half-way: there is no one to respond to.
 */
export function readUncompressedBody(
  request: Request,
  limit: number,
  done: (error: unknown, body: Buffer) => void,
): void {
  const nothing = Buffer.alloc(0);
  const coding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (coding !== 'identity') done(unsupportedBody(), nothing);
  else {
    readWholeBody(request, limit).then(
      (body) => {
        bodies.delete(request);
        done(null, body);
      },
      (error: unknown) => {
        if (error instanceof HttpError || !request.destroyed) done(error, nothing);
      },
    );
  }
}
