import type { ServerResponse } from 'node:http';
import type { RequestHandler, Response } from 'express';
import type { HttpError } from '../http-error.ts';

/** Delay before an EventSource reconnects if the error has no Retry-After, in seconds. */
const RECONNECT_S = 1;

/** Marks the response of a route for a browser's EventSource: see {@link sendError}. */
export const markEventStream: RequestHandler = (_request, response, next) => {
  response.locals.isEventStream = true;
  next();
};

/**
 * Sends an error response. On the route of an event stream a temporary error (429, 5xx) is sent as a stream with status 200
 * that has one event, `unavailable`, and ends: a browser's EventSource reconnects after that, but never after another status. Its
 * Last-Event-ID does not change, because the event has no id.
 */
export function sendError(response: Response, error: HttpError): void {
  const { status, headers, body } = error;
  const isTemporary = status === 429 || status >= 500;
  if (!isTemporary || !isEventStream(response)) {
    response.set(headers).status(status).json(body);
    return;
  }
  // Spread, so that the streams of a node do not all reconnect at the same moment.
  const retryMs = Math.round(1000 * Number(headers['Retry-After'] ?? RECONNECT_S) * (1 + Math.random()));
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
  });
  response.end(`retry: ${retryMs}\nevent: unavailable\ndata: ${JSON.stringify(body)}\n\n`);
}

/** Returns true for a GET on a route that {@link markEventStream} marked. */
export function isEventStream(response: ServerResponse): response is Response {
  return response.req.method === 'GET' && (response as Partial<Response>).locals?.isEventStream === true;
}
