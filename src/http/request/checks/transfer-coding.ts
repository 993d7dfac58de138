import type { IncomingMessage } from 'node:http';
import { HttpError } from '../../http-error.ts';

/**
 * Checks that the transfer coding is `chunked`, if there is one. Node decodes no other, and passes its bytes on as if they were the
 * body (RFC 9112, 6.1).
 * @throws {HttpError} 400 for another coding, alone or before `chunked`.
 */
export function checkTransferCoding({ headers }: IncomingMessage): void {
  const coding = headers['transfer-encoding'];
  if (coding === undefined || coding.trim().toLowerCase() === 'chunked') return;
  throw new HttpError('invalid_request', 'Transfer-Encoding: must be chunked');
}
