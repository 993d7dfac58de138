import { CODES_NOT_EXECUTED } from '../contract/error-codes.ts';
import { type HttpError, serviceUnavailable } from '../http-error.ts';

const responsesAfterLoss = new WeakSet<object>();

/** Remembers that a request was sent to the active node and that its response was lost: it may have been executed. */
export const markLost = (response: object): void => void responsesAfterLoss.add(response);

/** The error for a request that may have been executed. */
export const lostError = (): HttpError =>
  serviceUnavailable(
    'outcome_unknown',
    'the response of the active node was lost, and the request may have been executed: send an Idempotency-Key to retry safely',
  );

/** Returns the error of a request, or {@link lostError} if it says that the request was not executed although an attempt was lost. */
export function correctedAfterLoss(error: HttpError | null, response: object): HttpError | null {
  return error && responsesAfterLoss.has(response) && CODES_NOT_EXECUTED.includes(error.code) ? lostError() : error;
}

const NOT_EXECUTED_BODY = new RegExp(`"code":"(?:${CODES_NOT_EXECUTED.join('|')})"`);

/** Returns true if a response of the active node says that the request was not executed, although an attempt was lost. */
export const isWrongAfterLoss = (body: Buffer, response: object): boolean =>
  responsesAfterLoss.has(response) && NOT_EXECUTED_BODY.test(body.toString());
