export { ChatClient, type ChatClientOptions, type PageOptions, type SendOptions } from './chat-client.ts';
export { isAfter } from './cursor.ts';
export * from './errors.ts';
export type { EventIterator, EventsOptions } from './event-iterator.ts';
export { newIdempotencyKey } from './idempotency-key.ts';
export type { BackoffBounds } from './requests/backoff.ts';
export type { CallOptions, ConnectionOptions } from './requests/connection.ts';
export type * from './types.ts';
