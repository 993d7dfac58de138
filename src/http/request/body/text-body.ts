import { isUtf8 } from 'node:buffer';
import express, { type Request, type RequestHandler } from 'express';
import { wholeBodyOf } from '../../forwarding/body.ts';
import { HttpError } from '../../http-error.ts';

/** `curl -d` sends the second one, whatever the data. */
const TYPES = ['text/plain', 'application/x-www-form-urlencoded'];
const LONGEST_TYPE = 200;

/**
 * Reads plain text of at most `limit` bytes as the field `content`. The text of `curl -d` is read as it is, unless it is a form
 * with that field. Leaves bodies of other types to the next middleware.
 */
export function textBody(limit: number): RequestHandler {
  const read = express.raw({ limit, inflate: false, type: TYPES });
  return (request, response, next) => {
    if (!isText(request)) return next();
    const whole = wholeBodyOf(request);
    if (whole) {
      request.body = bodyOf(request, whole);
      return next();
    }
    read(request, response, (error?: unknown) => {
      if (error) return next(error);
      try {
        if (Buffer.isBuffer(request.body)) request.body = bodyOf(request, request.body);
      } catch (refusal) {
        return next(refusal);
      }
      next();
    });
  };
}

function isText(request: Request): boolean {
  const type = request.headers['content-type'] ?? '';
  if (type.length > LONGEST_TYPE || !request.is(TYPES)) return false;
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type)?.[1];
  return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset);
}

/** @throws {HttpError} 400 for bytes that are not UTF-8. */
function bodyOf(request: Request, bytes: Buffer): { content: string } {
  if (!isUtf8(bytes)) throw new HttpError(400, 'invalid_request', 'content: must be valid UTF-8');
  const text = bytes.toString();
  const isForm = request.is('application/x-www-form-urlencoded') && text.startsWith('content=');
  const content = isForm ? (new URLSearchParams(text).get('content') ?? '') : text;
  // The end of a line is that of a command's output, not of a message.
  return { content: content.trimEnd() };
}
