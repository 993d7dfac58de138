import express, { type NextFunction, type Request, type RequestHandler } from 'express';
import { HttpError } from './errors.ts';

/** What nearly every client sends; anything else that is JSON goes express.json's way. */
const PLAIN = new Set(['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8']);

/**
 * Reads JSON bodies of at most `limit` bytes into `request.body`. express.json() takes as long for a body of a hundred
 * bytes as Express for all the rest of the request, so plain bodies (their length said, not compressed, in UTF-8) are
 * read here; it does the others. Compressed bodies are refused: 415.
 */
export function jsonBody(limit: number): RequestHandler {
  const readOther = express.json({ limit, strict: false, inflate: false });
  return (request, response, next) => {
    if (isPlain(request, limit)) readPlain(request, next);
    else readOther(request, response, next);
  };
}

function isPlain({ headers }: Request, limit: number): boolean {
  const length = Number(headers['content-length']);
  const isShort = length > 0 && length <= limit;
  return isShort && headers['content-encoding'] === undefined && PLAIN.has(headers['content-type'] ?? '');
}

/** A client that leaves half-way ends nothing: there is nobody left to answer. */
function readPlain(request: Request, next: NextFunction): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    const bytes = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
    try {
      request.body = JSON.parse(withoutMark(bytes.toString()));
    } catch {
      return next(new HttpError(400, 'invalid_json', 'the body is not valid JSON'));
    }
    next();
  });
}

/** Some editors and shells put a byte order mark before UTF-8; express.json passes over it too. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
