/** One invalid field of a request. */
export type ErrorDetail = Record<string, unknown>;

/** The properties of a {@link ChatError} besides its message. */
export interface ErrorProperties {
  status?: number;
  code?: string;
  details?: readonly ErrorDetail[];
  retryAfterMs?: number;
  cause?: unknown;
}

/**
 * The base class of the client's errors. Only an abort rejects with the signal's own reason. `status` is the HTTP status, 0
 * if the error is not a node's response; `code` is the error code for programs; `retryAfterMs` is set if the node said how
 * long to wait.
 */
export class ChatError extends Error {
  override name = 'ChatError';
  readonly status: number;
  readonly code: string;
  readonly details: readonly ErrorDetail[];
  readonly retryAfterMs: number | undefined;

  constructor(message: string, properties: ErrorProperties = {}) {
    super(message, properties.cause === undefined ? undefined : { cause: properties.cause });
    this.status = properties.status ?? 0;
    this.code = properties.code ?? 'error';
    this.details = properties.details ?? [];
    this.retryAfterMs = properties.retryAfterMs;
  }
}

/** A node refused the request (4xx). Sending the same request again will not help. */
export class RefusedError extends ChatError {
  override name = 'RefusedError';
}

/** Returns the name of the existing group that a failed joinNamed() may have meant: it differs only in case or accents. */
export function similarNameOf(error: ChatError): string | undefined {
  const name = error.code === 'group_not_found' ? error.details[0]?.name : undefined;
  return typeof name === 'string' ? name : undefined;
}

/**
 * No node confirmed before the deadline that it executed the request. The code is `outcome_unknown` (or `not_replicated`) if one
 * may have executed it; with an idempotency key a retry is safe.
 */
export class UnreachableError extends ChatError {
  override name = 'UnreachableError';
}

/** The response to a request that must not be repeated was lost: check its effect before you send it again. */
export class OutcomeUnknownError extends ChatError {
  override name = 'OutcomeUnknownError';
}

/** The response is not from this API: most likely the URL belongs to another program. */
export class UnreadableResponseError extends ChatError {
  override name = 'UnreadableResponseError';
}

/** The events after `cursor` are no longer available (410): read the state again before you continue the stream. */
export class CursorExpiredError extends ChatError {
  override name = 'CursorExpiredError';
  readonly cursor: string;

  constructor(cursor: string, cause: ChatError) {
    super(
      `the events after cursor ${cursor} are no longer available: call chats() and messages() again and continue from their cursor`,
      { status: cause.status, code: cause.code, cause },
    );
    this.cursor = cursor;
  }
}
