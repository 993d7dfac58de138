import { isUtf8 } from 'node:buffer';
import type { NextFunction, Request, RequestHandler } from 'express';
import { isPlainJson, readPlainBody } from '../../fast-path.ts';
import { isReadWhole, readUncompressedBody } from '../../forwarding/body.ts';
import { HttpError, invalid } from '../../http-error.ts';
import { hasType } from './content-type.ts';
import { boundsProblem } from './json-bounds.ts';

/**
 * Reads JSON bodies of at most `limit` bytes into `request.body`; plain ones take the fast path. Refuses compressed bodies and
 * other character sets (415), and bytes that are not UTF-8 (400).
 */
export function jsonBody(limit: number): RequestHandler {
  return (request, _response, next) => {
    if (isPlainJson(request, limit) && !isReadWhole(request))
      return readPlainBody(request, (bytes) => parse(request, bytes, next));
    if (!isJson(request)) return next();
    readUncompressedBody(request, limit, (error, bytes) => (error ? next(error) : parse(request, bytes, next)));
  };
}

/** Returns false for another type or character set. The body then stays unread, and validation refuses it. */
const isJson = (request: Request) => hasType(request, ['application/json'], /^utf-?8$/i);

/** Puts the parsed body into the request. */
function parse(request: Request, bytes: Buffer, next: NextFunction): void {
  try {
    request.body = jsonOf(bytes);
  } catch (error) {
    return void next(error);
  }
  next();
}

/** Parses a body. An empty one (chunked, without a chunk) counts as an empty object. @throws {HttpError} 400. */
function jsonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new HttpError('invalid_json', 'the body is not valid JSON: it is not UTF-8');
  const problem = boundsProblem(bytes);
  if (problem !== null) throw invalid('body', problem);
  try {
    return JSON.parse(withoutMark(bytes.toString()));
  } catch {
    throw new HttpError('invalid_json', 'the body is not valid JSON');
  }
}

/** Removes the byte order mark that some editors and shells put before UTF-8. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
