/** One refused field of a request's body. */
export type ErrorDetail = Record<string, unknown>;

/** What an error knows beside its sentence. */
export interface ErrorFacts {
  status?: number;
  code?: string;
  details?: readonly ErrorDetail[];
  retryAfterMs?: number;
  cause?: unknown;
}

/**
 * Every error of the client except an abort, which rejects with the signal's own reason. `status` is the HTTP status, 0
 * when no answer of a node stands behind it; `code` is the node's word for programs; `retryAfterMs` is there when the node
 * said how long to wait.
 */
export class ChatError extends Error {
  override name = 'ChatError';
  readonly status: number;
  readonly code: string;
  readonly details: readonly ErrorDetail[];
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status ?? 0;
    this.code = facts.code ?? 'error';
    this.details = facts.details ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** A node understood the request and refused it: sending it again as it is will not help. */
export class RefusedError extends ChatError {
  override name = 'RefusedError';
}

/** No node did it before the deadline. Whether it was done is not known; with an idempotency key a retry is safe. */
export class UnreachableError extends ChatError {
  override name = 'UnreachableError';
}

/** The answer to a request that must not be sent twice was lost: look before sending it again. */
export class OutcomeUnknownError extends ChatError {
  override name = 'OutcomeUnknownError';
}

/** A node answered with something that is not the API: most likely the URL is another program's. */
export class UnreadableAnswerError extends ChatError {
  override name = 'UnreadableAnswerError';
}

/** The events after `cursor` are gone (410): the state has to be read anew before the stream can go on. */
export class CursorExpiredError extends ChatError {
  override name = 'CursorExpiredError';
  readonly cursor: string;

  constructor(cursor: string, cause: ChatError) {
    super(
      `events after cursor ${cursor} are no longer kept: read chats() and messages() anew and go on from the cursor they give`,
      { status: cause.status, code: cause.code, cause },
    );
    this.cursor = cursor;
  }
}
