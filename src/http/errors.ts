import type { ErrorRequestHandler } from 'express';
import { refusalOf } from '../chat/constraints.ts';
import { type RefusalCode, Refused } from '../chat/errors.ts';
import { TooManyTriesError } from '../chat/sign-in-limits.ts';
import { BlockedError } from '../database/blocking.ts';
import { isUnavailable, OutcomeUnknownError, SqlState, sqlState } from '../database/errors.ts';
import { NotOnDutyError } from '../database/fenced-write.ts';
import { CursorExpiredError, MalformedCursorError } from '../events/cursor.ts';
import type { Log } from '../log.ts';
import type { Exchange } from './connection.ts';
import type { Duty } from './gates.ts';

/** One wrong field of a refused request. */
interface FieldError {
  field: string;
  problem: string;
}

/** An answer other than success: `error` for people, `code` for programs, `details` for a refused body. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: string;
  readonly details: FieldError[] | null;
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { details?: FieldError[]; extra?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = more.details ?? null;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
  }

  get body(): Record<string, unknown> {
    return { error: this.message, code: this.code, ...(this.details ? { details: this.details } : {}), ...this.extra };
  }
}

/** 400 for one wrong field. */
export function invalid(field: string, problem: string): HttpError {
  return new HttpError(400, 'invalid_request', `${field}: ${problem}`, { details: [{ field, problem }] });
}

const statusOf: Record<RefusalCode, number> = {
  user_not_found: 404,
  group_not_found: 404,
  message_not_found: 404,
  not_a_member: 403,
  forbidden: 403,
  key_reused: 409,
  username_taken: 409,
  group_full: 409,
  too_many_groups: 409,
  too_large: 413,
  unauthenticated: 401,
  overloaded: 503,
  unavailable: 503,
  outcome_unknown: 503,
};

const headersOf: Record<number, Record<string, string>> = {
  401: { 'WWW-Authenticate': 'Bearer realm="plantao"' },
  503: { 'Retry-After': '1' },
};

/** 429 with the whole seconds after which it is worth while to come again. */
export function tooManyRequests(sentence: string, retryAfterMs: number): HttpError {
  return new HttpError(429, 'too_many_requests', sentence, {
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  });
}

const expiry: Record<CursorExpiredError['reason'], string> = {
  retention: 'the events after this cursor have been removed by retention',
  history: 'this cursor is of another history of the database (it was restored, or a replica took over)',
  ahead: 'this cursor is ahead of the log (the database was restored, or a replica took over)',
  too_far: 'its user has joined and left too often since this cursor',
};

/** 410, with what to do; also the data of the event that ends a stream whose cursor expires under way. */
export function expiredCursor({ reason }: CursorExpiredError): HttpError {
  return new HttpError(
    410,
    'cursor_expired',
    `${expiry[reason]}: read GET /chats and GET /messages anew and go on from the cursor that they give`,
    { extra: { reason } },
  );
}

const OVERDUE_WRITE =
  'this took too long, and may or may not be done: send an Idempotency-Key to retry a message safely';

/** Answers a request that is overdue, whatever its handler still waits for: of a write nobody knows what will become. */
export function answerOverdue({ request, response }: Exchange): void {
  if (response.headersSent) return void response.destroy();
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const { body, headers } = isRead
    ? new HttpError(503, 'unavailable', 'this took too long: try again', { headers: { 'Retry-After': '1' } })
    : new HttpError(503, 'outcome_unknown', OVERDUE_WRITE, {
        headers: { 'Retry-After': '1' },
      });
  const text = JSON.stringify(body);
  const length = { 'Content-Length': Buffer.byteLength(text) };
  response.writeHead(503, { ...headers, ...length, 'Content-Type': 'application/json; charset=utf-8' }).end(text);
}

/** Turns whatever was thrown into the answer for the client; null for a failure that nobody foresaw. */
function toHttpError(error: unknown, duty: Duty): HttpError | null {
  if (error instanceof HttpError) return error;
  if (error instanceof NotOnDutyError) return duty.notActive();
  const refused = error instanceof Refused ? error : refusalOf(error);
  if (refused) {
    const status = statusOf[refused.code];
    return new HttpError(status, refused.code, refused.message, { headers: headersOf[status] ?? {} });
  }
  if (error instanceof TooManyTriesError) return tooManyRequests(error.message, error.retryAfterMs);
  if (error instanceof MalformedCursorError) return invalid('cursor', 'must be a cursor of this service');
  if (error instanceof CursorExpiredError) return expiredCursor(error);
  if (error instanceof OutcomeUnknownError) {
    return new HttpError(503, 'outcome_unknown', error.message, { headers: { 'Retry-After': '1' } });
  }
  if (error instanceof BlockedError || sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) {
    const { message } = error instanceof BlockedError ? error : new BlockedError([]);
    return new HttpError(503, 'blocked', message, { headers: { 'Retry-After': '1' } });
  }
  if (isUnavailable(error)) {
    return new HttpError(503, 'unavailable', 'the database cannot be reached or is too busy now: try again', {
      headers: { 'Retry-After': '1' },
    });
  }
  return ofBodyParser(error);
}

/** Errors of express.json, by their `type`; and of the router, for paths that are no valid URL encoding. */
function ofBodyParser(error: unknown): HttpError | null {
  if (error instanceof URIError) return new HttpError(400, 'invalid_request', 'the path is not valid URL encoding');
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : null;
  switch (type) {
    case 'entity.parse.failed':
    case 'request.size.invalid':
    case 'request.aborted':
      return new HttpError(400, 'invalid_json', 'the body is not valid JSON');
    case 'entity.too.large':
      return new HttpError(413, 'too_large', 'the body is too large');
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new HttpError(415, 'unsupported_media_type', 'the body must be JSON in UTF-8');
    default:
      return null;
  }
}

/** The last middleware: every failure becomes a JSON answer; no stack, SQL or path reaches a client. */
export function errorHandler(duty: Duty, log: Log): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const known = toHttpError(error, duty);
    if (!known) log.error({ event: 'request_failed', err: error }, `${request.method} ${request.path} failed`);
    // Answered already, at its deadline: the connection goes on.
    if (response.writableEnded) return;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const answer = known ?? new HttpError(500, 'internal_error', 'something went wrong here; it has been logged');
    response.set(answer.headers).status(answer.status).json(answer.body);
  };
}
