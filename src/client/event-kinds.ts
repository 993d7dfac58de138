import type { ChatEvent, Ephemeral } from './types.ts';

/** Every kind of event that this client knows. A kind of the server's schema that is missing here fails to compile. */
const KINDS: Record<ChatEvent['kind'], true> = {
  message: true,
  message_edited: true,
  message_deleted: true,
  reaction: true,
  read: true,
  read_by: true,
  role_changed: true,
  group_changed: true,
  group_deleted: true,
  user_renamed: true,
  joined: true,
  left: true,
  notification: true,
  broadcast: true,
};

const SIGNALS: Record<Ephemeral['kind'], true> = { typing: true, presence: true };

/** An entry of a poll's response: an event, or one of a kind that only a newer node knows. */
export type DecodedEvent = ChatEvent | { kind: 'unknown'; cursor: string };

/** Decodes an event of a poll's response. Returns undefined for a value without a kind and a cursor. */
export function decodeEvent(value: unknown): DecodedEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, cursor } = value as { kind?: unknown; cursor?: unknown };
  if (typeof kind !== 'string' || typeof cursor !== 'string') return undefined;
  return Object.hasOwn(KINDS, kind) ? (value as ChatEvent) : { kind: 'unknown', cursor };
}

/** Decodes a signal of a poll's response. Returns undefined for a kind that this client does not know. */
export function decodeEphemeral(value: unknown): Ephemeral | undefined {
  const kind = (value as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && Object.hasOwn(SIGNALS, kind) ? (value as Ephemeral) : undefined;
}
