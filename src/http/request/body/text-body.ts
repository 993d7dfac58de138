import { isUtf8 } from 'node:buffer';
import type { Request, RequestHandler } from 'express';
import { readUncompressedBody } from '../../forwarding/body.ts';
import { invalid } from '../../http-error.ts';
import { hasType } from './content-type.ts';

/** The content types of text. `curl -d` sends the second one with any data. Some clients send none. */
const TYPES = ['text/plain', 'application/x-www-form-urlencoded'];

/**
 * Reads plain text of at most `limit` bytes as the field `content`. The text of `curl -d` is read as it is, unless it is a form
 * with that field. Leaves bodies of other types to the next middleware.
 */
export function textBody(limit: number): RequestHandler {
  return (request, _response, next) => {
    if (!isText(request)) return next();
    readUncompressedBody(request, limit, (error, bytes) => {
      if (error) return next(error);
      try {
        request.body = bodyOf(request, bytes);
      } catch (refusal) {
        return next(refusal);
      }
      next();
    });
  };
}

const isText = (request: Request) =>
  request.headers['content-type'] === undefined
    ? request.is('*/*') !== null
    : hasType(request, TYPES, /^(?:utf-?8|us-ascii)$/i);

/** Returns the text as the body of the request. @throws {HttpError} 400 for bytes that are not UTF-8. */
function bodyOf(request: Request, bytes: Buffer): { content: string } {
  if (!isUtf8(bytes)) throw invalid('content', 'must be valid UTF-8');
  const text = bytes.toString();
  const isForm = request.is('application/x-www-form-urlencoded') && text.startsWith('content=');
  const content = isForm ? (new URLSearchParams(text).get('content') ?? '') : text;
  // A line break at the end belongs to the output of a command, not to the message.
  return { content: content.trimEnd() };
}
