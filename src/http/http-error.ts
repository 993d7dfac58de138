import type { RefusalDetail } from '../chat/errors.ts';
import type { CursorExpiredError } from '../events/cursor.ts';
import { type EffectOfCode, type ErrorCode, statusOf } from './contract/error-codes.ts';

/** An error response; its status is that of its code. `error` is a sentence for people, `code` is for programs, `details` lists invalid fields. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: ErrorCode;
  readonly details: readonly RefusalDetail[] | null;
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    code: ErrorCode,
    message: string,
    more: {
      details?: readonly RefusalDetail[];
      extra?: Record<string, unknown>;
      headers?: Record<string, string>;
    } = {},
  ) {
    super(message);
    this.status = statusOf(code);
    this.code = code;
    this.details = more.details ?? null;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
  }

  get body(): Record<string, unknown> {
    return { error: this.message, code: this.code, ...(this.details ? { details: this.details } : {}), ...this.extra };
  }
}

/** Returns a 415 for a body in another character set, or compressed. */
export const unsupportedBody = (): HttpError =>
  new HttpError('unsupported_media_type', 'the body must be JSON in UTF-8');

/** Returns a 400 for one invalid field. */
export function invalid(field: string, problem: string): HttpError {
  return new HttpError('invalid_request', `${field}: ${problem}`, { details: [{ field, problem }] });
}

/** Returns a 503 with a Retry-After of one second, the shortest that the header can express. A failover is usually over by then. */
export function serviceUnavailable(
  code: keyof EffectOfCode,
  sentence: string,
  extra: Record<string, unknown> = {},
): HttpError {
  return new HttpError(code, sentence, { extra, headers: { 'Retry-After': '1' } });
}

/** Returns a 429 whose Retry-After is `retryAfterMs`, rounded up to whole seconds. */
export function tooManyRequests(sentence: string, retryAfterMs: number): HttpError {
  return new HttpError('too_many_requests', sentence, {
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  });
}

const expiry: Record<CursorExpiredError['reason'], string> = {
  retention: 'the events after this cursor have been removed by retention',
  history: 'this cursor belongs to another history of the database (it was restored, or a replica was promoted)',
  ahead: 'this cursor is ahead of the log (the database was restored, or a replica was promoted)',
  too_far: 'the user has joined and left groups too often since this cursor',
};

/** Returns a 410 that says what to do; an open stream sends the same body in its last event. */
export function expiredCursor({ reason }: CursorExpiredError): HttpError {
  return new HttpError(
    'cursor_expired',
    `${expiry[reason]}: read GET /chats and GET /messages again and continue from the cursor they return`,
    { extra: { reason } },
  );
}
