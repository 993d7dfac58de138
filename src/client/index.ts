export type { AccountCalls } from './calls/account-calls.ts';
export type { GroupCalls, GroupChange, InvitationOptions } from './calls/group-calls.ts';
export type { OperationCalls } from './calls/operation-calls.ts';
export { ChatClient } from './chat-client.ts';
export { isAfter } from './cursor.ts';
export {
  ChatError,
  CursorExpiredError,
  type ErrorDetail,
  type ErrorProperties,
  OutcomeUnknownError,
  RefusedError,
  similarNameOf,
  UnreachableError,
  UnreadableResponseError,
} from './errors.ts';
export type { EventIterator, EventsOptions, PollSource } from './event-iterator.ts';
export { newIdempotencyKey } from './idempotency-key.ts';
export {
  type ChatClientOptions,
  type EditOptions,
  NO_DEADLINE,
  type PageOptions,
  type SearchOptions,
  type SendOptions,
} from './options.ts';
export type { BackoffBounds } from './requests/backoff.ts';
export type { CallOptions, ConnectionOptions } from './requests/cluster-connection.ts';
export type { ApiResponse } from './requests/single-request.ts';
export type * from './types.ts';
