import { ChatError, type ErrorDetail, type ErrorProperties, RefusedError } from '../errors.ts';
import { effectOfCode } from './effect-of-code.ts';
import type { ApiResponse } from './single-request.ts';

/** The meaning of a response for its request: success, refusal, or a retry (on another node, or later). */
export type ResponseClass =
  | { kind: 'success' }
  | { kind: 'refused'; error: ChatError }
  | {
      kind: 'retryElsewhere';
      reason: string;
      code: string;
      activeUrl: unknown;
      retryAfterMs: number;
      /** False if the request may have been executed and its response lost: between proxy and node, or node and database. */
      notExecuted: boolean;
    };

/** Statuses that mean "not this node, not now", sent by the node or by a proxy in front of it. */
const retryElsewhereStatuses = new Set([502, 503, 504]);

function codeOf(response: ApiResponse): string {
  return typeof response.body?.code === 'string' ? response.body.code : '';
}

/** The Retry-After header in milliseconds (nodes send seconds); 0 without one. */
function retryAfterMs(response: ApiResponse): number {
  const seconds = Number(response.headers.get('Retry-After') ?? '');
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

function toRefusal(response: ApiResponse): ChatError {
  const sentence =
    typeof response.body?.error === 'string'
      ? response.body.error
      : `the node responded with status ${response.status}`;
  const facts: ErrorProperties = { status: response.status, code: codeOf(response) || `http_${response.status}` };
  if (Array.isArray(response.body?.details)) facts.details = response.body.details as ErrorDetail[];
  if (retryAfterMs(response) > 0) facts.retryAfterMs = retryAfterMs(response);
  return response.status < 500 ? new RefusedError(sentence, facts) : new ChatError(sentence, facts);
}

/**
 * Classifies a response. `retriesEveryError` is true for streams: they also retry after 429 and any 5xx, which a single
 * request reports at once.
 */
export function classifyResponse(response: ApiResponse, retriesEveryError: boolean): ResponseClass {
  const { status } = response;
  if (status < 400) return { kind: 'success' };
  const code = codeOf(response);
  const effect = status === 503 ? effectOfCode(code) : 'perhaps executed';
  const retriesAnyway = retriesEveryError && (status >= 500 || status === 429);
  const mayRetry = retryElsewhereStatuses.has(status) && effect !== 'refused';
  if (!mayRetry && !retriesAnyway) return { kind: 'refused', error: toRefusal(response) };
  return {
    kind: 'retryElsewhere',
    reason: code === '' ? `responds with ${status}` : `says ${code}`,
    code,
    activeUrl: code === 'not_active' ? response.body?.active_url : null,
    retryAfterMs: retryAfterMs(response),
    notExecuted: effect === 'not executed',
  };
}
