import { isUtf8 } from 'node:buffer';
import express, { type NextFunction, type Request, type RequestHandler } from 'express';
import { isPlainJson, readPlainBody } from '../../fast-path.ts';
import { wholeBodyOf } from '../../forwarding/body.ts';
import { HttpError, invalid } from '../../http-error.ts';
import { hasType } from './content-type.ts';
import { boundsProblem } from './json-bounds.ts';

/**
 * Reads JSON bodies of at most `limit` bytes into `request.body`: plain bodies on the fast path, the others through
 * Express. Refuses compressed bodies and other character sets (415), and bytes that are not UTF-8 (400).
 */
export function jsonBody(limit: number): RequestHandler {
  const readOther = express.raw({ limit, inflate: false, type: (request) => isJson(request as Request) });
  return (request, response, next) => {
    // The forwarder has read the body of any type: only JSON is parsed.
    const whole = wholeBodyOf(request);
    if (whole) return whole.length > 0 && isJson(request) ? parse(request, whole, next) : next();
    if (isPlainJson(request, limit)) return readPlainBody(request, (bytes) => parse(request, bytes, next));
    readOther(request, response, (error?: unknown) => {
      if (error || !Buffer.isBuffer(request.body)) return next(error);
      parse(request, request.body, next);
    });
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
  if (!isUtf8(bytes)) throw new HttpError(400, 'invalid_json', 'the body is not valid JSON: it is not UTF-8');
  const problem = boundsProblem(bytes);
  if (problem !== null) throw invalid('body', problem);
  try {
    return JSON.parse(withoutMark(bytes.toString()));
  } catch {
    throw new HttpError(400, 'invalid_json', 'the body is not valid JSON');
  }
}

/** Removes the byte order mark that some editors and shells put before UTF-8. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
