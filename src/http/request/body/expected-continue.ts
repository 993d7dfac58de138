import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/**
 * Holds back the `100 Continue` for a client that sends `Expect: 100-continue` and its body afterwards: a request that is refused by
 * its headers then needs no body. Without it the connection closes after the response, because the client may not send the body.
 */
export function holdContinue(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (coding === undefined && Number(length ?? 0) === 0) return;
  waiting.set(request, response);
  response.shouldKeepAlive = false;
}

/** Sends the `100 Continue` that was held back; call it where the body is read. */
export function sendContinue(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return;
  const response = waiting.get(request);
  if (!waiting.delete(request) || !response || response.headersSent) return;
  response.shouldKeepAlive = true;
  response.writeContinue();
}
