import type { Message } from '../../../../client/index.ts';

/** Returns the message with the new count of one of its reactions. `isOwn` is true if the user added or removed it. */
export function withReaction(
  message: Message,
  { emoji, count, added }: { emoji: string; count: number; added: boolean },
  isOwn: boolean,
): Message {
  const known = message.reactions ?? [];
  const before = known.find((one) => one.emoji === emoji);
  const mine = isOwn ? added : (before?.mine ?? false);
  const changed = { emoji, count, mine };
  const others = known.filter((one) => one !== before);
  if (count === 0) return { ...message, reactions: others };
  if (before === undefined) return { ...message, reactions: [...known, changed] };
  return { ...message, reactions: known.map((one) => (one === before ? changed : one)) };
}
