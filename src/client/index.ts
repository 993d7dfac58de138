export type { BackoffBounds } from './backoff.ts';
export { ChatClient, type ChatClientOptions, type PageOptions, type SendOptions } from './chat-client.ts';
export type { CallOptions, ConnectionOptions } from './connection.ts';
export { isAfter } from './cursor.ts';
export * from './errors.ts';
export type { EventStream, EventsOptions } from './event-stream.ts';
export { newIdempotencyKey } from './idempotency-key.ts';
export type * from './types.ts';
