import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request whose client waits, and whether its connection was to be kept. */
interface Held {
  response: ServerResponse;
  keepsAlive: boolean;
}

const waiting = new WeakMap<IncomingMessage, Held>();

/**
 * Holds back the `100 Continue` for a client that sends `Expect: 100-continue` and its body afterwards: a request that is refused by
 * its headers then needs no body. If it is never sent, the connection closes after the response: the client may not send the body.
 */
export function holdContinue(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (coding === undefined && Number(length ?? 0) === 0) return;
  waiting.set(request, { response, keepsAlive: response.shouldKeepAlive });
  response.shouldKeepAlive = false;
}

/** Sends the `100 Continue` that was held back; call it where the body is read. */
export function sendContinue(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return;
  const held = waiting.get(request);
  if (!held || !waiting.delete(request) || held.response.headersSent) return;
  held.response.shouldKeepAlive = held.keepsAlive;
  held.response.writeContinue();
}
