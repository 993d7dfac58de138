import type { Facts, Message, Reader } from './facts.ts';
import type { Violation } from './verdict.ts';

function reordered(sentence: string, ...messages: (Message | undefined)[]): Violation {
  return { kind: 'reordered', sentence, messages: messages.flatMap((message) => (message ? [message.value] : [])) };
}

/** One reader's positions rise from where it began, save where it got a message again (that has its own name). */
function* checkRising(reader: Reader): Generator<Violation> {
  const got = new Set<Message>();
  let highest = reader.from;
  let before: Message | undefined;
  for (const [index, message] of reader.messages.entries()) {
    const position = reader.positions[index] ?? -1;
    if (position <= highest && !got.has(message)) {
      const after = before ? `"${before.value}" at ${highest}` : `its beginning at ${highest}`;
      yield reordered(
        `Reader ${reader.name} got "${message.value}" at position ${position} after ${after}.`,
        before,
        message,
      );
    }
    got.add(message);
    if (position > highest) {
      highest = position;
      before = message;
    }
  }
}

/** A message has one place, whoever reads it; and a place has one message. */
function* checkPlaces(facts: Facts): Generator<Violation> {
  const places = new Map<number, Message>();
  const named = new Set<Message>();
  for (const reader of facts.readers.values()) {
    for (const [index, message] of reader.messages.entries()) {
      const position = reader.positions[index] ?? -1;
      const other = places.get(position);
      places.set(position, other ?? message);
      if (named.has(message) || (message.position === position && (other ?? message) === message)) continue;
      named.add(message);
      const elsewhere =
        message.position === position
          ? `where others got "${other?.value}"`
          : `which others know at position ${message.position}`;
      const sentence = `Reader ${reader.name} got "${message.value}" at position ${position}, ${elsewhere}.`;
      yield reordered(sentence, message, other === message ? undefined : other);
    }
  }
}

/**
 * What was acknowledged before another was posted stands before it in the log. Walks the log upwards and compares each
 * acknowledgement with the latest beginning among the positions below.
 */
function* checkRealTime(facts: Facts): Generator<Violation> {
  const placed = [...facts.messages.values()].filter((message) => message.position !== null && message.posts > 0);
  placed.sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  let latest: Message | undefined;
  for (const message of placed) {
    if (latest && message.acknowledgedAt < latest.invokedAt) {
      const first = `"${message.value}" (position ${message.position}) was acknowledged`;
      const second = `"${latest.value}" (position ${latest.position}) was posted`;
      yield reordered(`${first} before ${second}, but stands behind it in the log.`, latest, message);
    }
    if (!latest || message.invokedAt > latest.invokedAt) latest = message;
  }
}

/** Log order: the same for every reader, and never against the order in which things were seen to happen. */
export function* checkOrder(facts: Facts): Generator<Violation> {
  for (const reader of facts.readers.values()) yield* checkRising(reader);
  yield* checkPlaces(facts);
  yield* checkRealTime(facts);
}

/** Answers to posts: one message a key, and the one that the log has. */
export function* checkAnswers(facts: Facts): Generator<Violation> {
  for (const message of facts.messages.values()) {
    const [answer, other] = message.answers;
    if (!answer) continue;
    if (other) {
      const ids = `message ${answer.message} at ${answer.position}, then message ${other.message} at ${other.position}`;
      const sentence = `Posts of "${message.value}" with key ${message.key} were answered with ${ids}.`;
      yield { kind: 'two_answers', sentence, messages: [message.value] };
    }
    const row = message.stored[0];
    if (row && (row.message !== answer.message || row.position !== answer.position)) {
      const sentence = `"${message.value}" was answered as message ${answer.message} at ${answer.position}, but the log has message ${row.message} at ${row.position}.`;
      yield { kind: 'wrong_answer', sentence, messages: [message.value] };
    }
  }
}
