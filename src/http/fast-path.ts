/**
 * The fast path: every place where this service bypasses Express because that is cheaper. Nothing else depends on how these
 * work. Each can be replaced by its Express equivalent without a change of behaviour.
 *
 * | trick                | instead of                  | without it                                                |
 * |----------------------|-----------------------------|-----------------------------------------------------------|
 * | `prototypesOf`       | Express's `setPrototypeOf`  | a post takes 2.4 times the CPU, a parked poll 24 % more   |
 * | `readPlainBody`      | `readUncompressedBody`      | a post takes more CPU: 14 % with `express.raw` in between |
 * | `busiestFirst`       | routes in document order    | a post takes 6 % more CPU                                 |
 * | `addStandardHeaders` | a middleware                | a parked poll takes 7 % more memory                       |
 * | `releaseRouterState` | nothing                     | a parked poll takes 9 % more memory                       |
 *
 * Measured in one run: the fastest of 600 blocks of 320 pipelined posts, with a stub for the storage (53 µs a post with all
 * tricks), and the live memory of 3,000 parked polls (8.7 KB each). Tricks that gained less than 3 % were deleted.
 */
import http, { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import type { Express, Request, Response } from 'express';
import { sendContinue } from './request/body/expected-continue.ts';
import { unfinishedBodies } from './request/body/unfinished-bodies.ts';
import type { OriginCheck } from './request/checks/origin-check.ts';
import { requestIdOf } from './request/request-id.ts';

/**
 * Returns classes for Node's server that have Express's prototypes from the start. Express otherwise replaces the prototype
 * of every request and response after Node has created them, and V8 has no optimised code for such objects: that was
 * two thirds of the measured cost of a request. A parked poll is smaller too.
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
 * Reads a plain body, whose length is known to be within the limit. When the client
 * disconnects half-way, `done` is not called: there is no one to respond to.
 */
export function readPlainBody(request: Request, done: (bytes: Buffer) => void): void {
  sendContinue(request);
  const pieces: Buffer[] = [];
  let missing = Number(request.headers['content-length']);
  request.on('data', (piece: Buffer) => {
    pieces.push(piece);
    missing -= piece.length;
    if (missing > 0) unfinishedBodies.hold(request, piece.length);
  });
  request.on('end', () => {
    unfinishedBodies.release(request);
    done(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces));
  });
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
export const EXPOSED = ['Cursor', 'Ephemeral-Cursor', 'Preference-Applied', 'Retry-After', 'X-Request-Id'];

/**
 * Adds the standard headers to every response of `app`. A header that the response sets itself wins; `Vary` is merged.
 * Responses are not cached, keep their declared type, can be read by pages of the allowed origins, and carry the id of their request.
 *
 * `writeHead` adds them. A middleware would add them when a poll begins: 0.6 KB for each parked poll (measured with 10,000).
 */
export function addStandardHeaders(app: Express, origins: OriginCheck): void {
  const headersFor = headersByOrigin(origins);
  const { writeHead } = http.ServerResponse.prototype;
  app.response.writeHead = function (this: Response, status: number, own: OutgoingHttpHeaders = {}) {
    const headers: OutgoingHttpHeaders = { ...own, 'X-Request-Id': requestIdOf(this.req) };
    for (const [name, value] of headersFor(this.req.headers)) {
      const set = own[name] ?? this.getHeader(name);
      if (set === undefined) headers[name] = value;
      else if (name === 'Vary') headers[name] = `${set}, ${value}`;
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
