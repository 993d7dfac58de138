/**
 * The fast path: every place where this service replaces what Express does with something cheaper. Nothing else depends on
 * how these work. Each can be replaced by its Express equivalent without a change of behaviour.
 *
 * | trick                | instead of                  | saves                                                     |
 * |----------------------|-----------------------------|-----------------------------------------------------------|
 * | `prototypesOf`       | Express's `setPrototypeOf`  | CPU time of each request, memory of a parked poll         |
 * | `readPlainBody`      | `express.raw`               | CPU time of each request with a body                      |
 * | `sendJson`           | `response.json`             | CPU time of each response                                 |
 * | `busiestFirst`       | routes in document order    | CPU time of posts and polls                               |
 * | `addStandardHeaders` | a middleware                | 0.6 KB of each parked poll                                |
 * | `releaseRouterState` | nothing                     | memory of a parked poll                                   |
 *
 * They have not yet been measured against each other in one run. One that gains less than 3 % is to be deleted.
 */
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { Express, Request, Response } from 'express';
import type { OriginCheck } from './request/origin-check.ts';

/**
 * Returns classes for Node's server that have Express's prototypes from the start. Express otherwise replaces the prototype
 * of every request and response after Node has created them, and V8 has no optimised code for such objects: measured, two
 * thirds of the cost of a request. A parked poll is smaller too.
 */
export function prototypesOf(app: Express): http.ServerOptions {
  class PlainRequest extends http.IncomingMessage {}
  class PlainResponse<R extends http.IncomingMessage> extends http.ServerResponse<R> {}
  Object.setPrototypeOf(PlainRequest.prototype, app.request);
  Object.setPrototypeOf(PlainResponse.prototype, app.response);
  Object.assign(app, { request: PlainRequest.prototype, response: PlainResponse.prototype });
  return { IncomingMessage: PlainRequest, ServerResponse: PlainResponse };
}

/** The content types that nearly every client sends. */
const PLAIN_TYPES = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8']);

/** Returns true for a JSON body of known length up to `limit`, in UTF-8 and not compressed. */
export function isPlainJson({ headers }: Request, limit: number): boolean {
  const length = Number(headers['content-length']);
  const isShort = length > 0 && length <= limit;
  return isShort && headers['content-encoding'] === undefined && PLAIN_TYPES.has(headers['content-type'] ?? '');
}

/**
 * Reads a plain body. Express takes as long to read a body of a hundred bytes as for the rest of the request. When the client
 * disconnects half-way, `done` is not called: there is no one to respond to.
 */
export function readPlainBody(request: Request, done: (bytes: Buffer) => void): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => done(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)));
}

/**
 * Sends JSON in one write. Express's `json` also checks settings, freshness and types, which are known here.
 */
export function sendJson(response: Response, status: number, body: unknown, headers?: Record<string, string>): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** Returns the routes with posts and polls first: the router tries one route after another. */
export function busiestFirst<R extends { path: string }>(routes: readonly R[]): R[] {
  const isBusy = ({ path }: R) => path === '/messages' || path.startsWith('/subscribe/');
  return [...routes.filter(isBusy), ...routes.filter((route) => !isBusy(route))];
}

/** Removes the router's state that Express keeps on each request. A poll does not need it and would hold it for a minute. */
export function releaseRouterState(request: Request): void {
  request.next = undefined;
}

/** Response headers that a page of another origin may read. */
export const EXPOSED = ['Cursor', 'Retry-After'];

/**
 * Adds the standard headers to every response of `app`. A header that the response sets itself wins. Responses are not
 * cached, keep their declared type, and can be read by pages of the allowed origins.
 *
 * `writeHead` adds them: set by a middleware they would stay on every parked poll, 0.6 KB each (measured with 10,000).
 */
export function addStandardHeaders(app: Express, origins: OriginCheck): void {
  const headersFor = headersByOrigin(origins);
  const { writeHead } = http.ServerResponse.prototype;
  app.response.writeHead = function (this: Response, status: number, own: OutgoingHttpHeaders = {}) {
    const headers = { ...own };
    for (const [name, value] of headersFor(this.req.headers)) {
      if (!(name in own) && !this.hasHeader(name)) headers[name] = value;
    }
    return writeHead.call(this, status, headers);
  } as Response['writeHead'];
}

type Header = readonly [name: string, value: string];

const always: readonly Header[] = [
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Access-Control-Expose-Headers', EXPOSED.join(',')],
];
const allowing = (origin: string): Header => ['Access-Control-Allow-Origin', origin];

function headersByOrigin(origins: OriginCheck): (headers: IncomingHttpHeaders) => readonly Header[] {
  const forAnyOrigin = [...always, allowing('*')];
  const forOtherOrigins: readonly Header[] = [...always, ['Vary', 'Origin']];
  return ({ origin, host }) => {
    if (origins.isOpen) return forAnyOrigin;
    return origin !== undefined && origins.allows(origin, host)
      ? [...forOtherOrigins, allowing(origin)]
      : forOtherOrigins;
  };
}
