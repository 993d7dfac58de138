import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasTooManyChunks } from './chunk-limit.ts';

/**
 * How much of a body a client may still send after it has the response: enough for a client that sends everything before it reads,
 * and keeps its connection. A piece is what Node emits at once: a chunk, or what a read of the socket returned.
 */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_PIECES = 1000;
/** How long a client may take to read the response once it has sent too much. */
const LINGER_MS = 2000;

/**
 * Limits what is read of a body after the response. By default Node parses and discards the rest, up to 2 MB of a socket in one turn of
 * the event loop: chunks of one byte blocked it for 0.18 s, and for seconds when forty clients sent them.
 */
export function limitRefusedBody(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (length === undefined && coding === undefined) return;
  // Before Node begins to discard it.
  response.once('prefinish', () => {
    if (!request.complete) discard(request);
  });
}

function discard(request: IncomingMessage): void {
  const { socket } = request;
  let [bytes, pieces] = [0, 0];
  const stop = () => {
    request.off('data', count);
    request.pause();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
  const count = (piece: Buffer) => {
    bytes += piece.length;
    if (++pieces > MAX_PIECES || bytes > MAX_BYTES || hasTooManyChunks(request)) stop();
  };
  if (hasTooManyChunks(request)) {
    stop();
    return;
  }
  request.on('data', count);
  // Begins to read at once: otherwise Node itself discards the body when the response has been sent.
  request.read(0);
}
