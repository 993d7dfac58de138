import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorRequestHandler } from 'express';
import { refusalOf } from '../chat/constraints.ts';
import { RateLimitedError, Refused } from '../chat/errors.ts';
import { BlockedError } from '../database/checks/blocking.ts';
import {
  isRefusedByDatabase,
  isUnavailable,
  OutcomeUnknownError,
  SqlState,
  sqlState,
  unavailabilityOf,
} from '../database/errors.ts';
import { NotActiveError } from '../database/writes/fenced-write.ts';
import { errorMessage } from '../error-message.ts';
import { CursorExpiredError, MalformedCursorError } from '../events/cursor.ts';
import type { Log } from '../log/log.ts';
import { statusOf } from './contract/error-codes.ts';
import { correctedAfterLoss } from './forwarding/lost-attempts.ts';
import type { Exchange } from './http-connection.ts';
import { expiredCursor, HttpError, invalid, serviceUnavailable, tooManyRequests } from './http-error.ts';
import { LogThrottle } from './log-throttle.ts';
import type { RoleGate } from './request/checks/role-gate.ts';
import { requestIdOf } from './request/request-id.ts';
import { withoutSecrets } from './request/request-log.ts';
import { isEventStream, sendError } from './response/send-error.ts';

const headersOf: Record<number, Record<string, string>> = {
  401: { 'WWW-Authenticate': 'Bearer realm="plantao"' },
  503: { 'Retry-After': '1' },
};

const OVERDUE_WRITE =
  'this took too long, and may or may not have been executed: send an Idempotency-Key to retry a message safely';

const overdueRead = () => serviceUnavailable('unavailable', 'this took too long: try again');

/** Returns true for a request that stores nothing anyway. */
const isRead = ({ method }: Pick<IncomingMessage, 'method'>) => method === 'GET' || method === 'HEAD';

/** Responds to an overdue request while its handler still waits. The outcome of a write is unknown then. */
export function respondToOverdue({ request, response }: Exchange): void {
  if (response.headersSent) return void response.destroy();
  if (isEventStream(response)) return void sendError(response, overdueRead());
  writeError(response, isRead(request) ? overdueRead() : serviceUnavailable('outcome_unknown', OVERDUE_WRITE));
}

/** Responds to a request whose target is not a valid URL, in the shape of every error. */
export function respondToMalformedTarget(response: ServerResponse): void {
  writeError(response, new HttpError('invalid_request', 'the target of the request is not a valid URL'));
}

/** Sends an error response without Express, which may not have seen the request. */
function writeError(response: ServerResponse, { status, headers, body }: HttpError): void {
  const text = JSON.stringify(body);
  const length = { 'Content-Length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, ...length, 'Content-Type': 'application/json; charset=utf-8' }).end(text);
}

/** Converts a value thrown for `request` into the client's error; null for an unexpected one. */
function toHttpError(error: unknown, request: IncomingMessage, gate: RoleGate): HttpError | null {
  if (error instanceof HttpError) return error;
  if (error instanceof NotActiveError) return gate.notActive();
  const refused = error instanceof Refused ? error : refusalOf(error);
  if (refused) {
    const { code, message, details } = refused;
    return new HttpError(code, message, { ...(details && { details }), headers: headersOf[statusOf(code)] ?? {} });
  }
  if (error instanceof RateLimitedError) return tooManyRequests(error.message, error.retryAfterMs);
  if (error instanceof MalformedCursorError) return invalid('cursor', 'must be a cursor of this service');
  if (error instanceof CursorExpiredError) return expiredCursor(error);
  if (error instanceof OutcomeUnknownError) return serviceUnavailable('outcome_unknown', error.message);
  if (error instanceof BlockedError || sqlState(error) === SqlState.LOCK_NOT_AVAILABLE) {
    const { message, messageOfRead } = error instanceof BlockedError ? error : new BlockedError([]);
    return serviceUnavailable('blocked', isRead(request) ? messageOfRead : message);
  }
  if (isUnavailable(error)) return serviceUnavailable('unavailable', `${unavailabilityOf(error)}: try again`);
  if (isRefusedByDatabase(error)) return refusedByDatabase(isRead(request));
  // Thrown by the router.
  if (error instanceof URIError) return new HttpError('invalid_request', 'the path is not valid URL encoding');
  return null;
}

/** Returns the error without PostgreSQL's own message, which names objects and values and is only logged. */
const refusedByDatabase = (ofRead: boolean) =>
  new HttpError(
    'database_refused',
    `PostgreSQL refuses this: a privilege, an object, a trigger or a constraint of the database has to be corrected. ${ofRead ? 'The' : 'Nothing was stored; the'} node's log has the reason`,
    { headers: { 'Retry-After': '5' } },
  );

/** Returns the last middleware: every failure becomes a JSON response, without stack, SQL or file path. */
export function errorHandler(gate: RoleGate, log: Log, onError: (code: string) => void): ErrorRequestHandler {
  const refusals = new LogThrottle();
  return (error, request, response, _next) => {
    const known = correctedAfterLoss(toHttpError(error, request, gate), response);
    onError(known?.code ?? 'internal_error');
    if (!known || (known.code === 'database_refused' && refusals.allows(`${sqlState(error)} ${errorMessage(error)}`))) {
      const fields = { event: 'request_failed', request_id: requestIdOf(request), err: error };
      log.error(fields, `${request.method} ${withoutSecrets(request.path)} failed`);
    }
    // The response was sent at its deadline: the connection stays open.
    if (response.writableEnded) return;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const answer = known ?? new HttpError('internal_error', 'internal error; it has been logged');
    sendError(response, answer);
  };
}
