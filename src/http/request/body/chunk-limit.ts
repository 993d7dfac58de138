import type { IncomingMessage } from 'node:http';

/** More than any client sends: the largest body in chunks of 26 bytes, or a short message byte by byte. */
const MAX_CHUNKS = 5000;

const overLimit = new WeakSet<IncomingMessage>();

/** Returns true if the body has arrived in more chunks than a body may have. The rest of it is dropped. */
export const hasTooManyChunks = (request: IncomingMessage): boolean => overLimit.has(request);

/**
 * Limits the number of chunks of a body, whatever reads it. Must be called before the first chunk arrives. A chunk costs 2 µs, however
 * short: 128 KiB in chunks of one byte blocked the event loop for 0.3 s, and for ten seconds when twenty clients sent them.
 */
export function limitChunks(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined) return;
  const { push } = request;
  let count = 0;
  request.push = (piece, encoding) => {
    if (piece === null || ++count <= MAX_CHUNKS) return push.call(request, piece, encoding);
    // The first one beyond the limit wakes the reader, which finds out. False: Node stops reading the socket.
    if (!overLimit.has(request)) {
      overLimit.add(request);
      push.call(request, piece, encoding);
    }
    return false;
  };
}
