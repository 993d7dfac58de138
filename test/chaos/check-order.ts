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
  for (const { value, key, answers, stored, readAs } of facts.messages.values()) {
    const [answer, other] = answers;
    const wrong = (kind: Violation['kind'], sentence: string): Violation => ({ kind, sentence, messages: [value] });
    if (answer && other) {
      const ids = `message ${answer.message} at ${answer.position}, then message ${other.message} at ${other.position}`;
      yield wrong('two_answers', `Posts of "${value}" with key ${key} were answered with ${ids}.`);
    }
    for (const { message, position, node } of answers) {
      const said = `"${value}" was answered as message ${message} at ${position}`;
      const row = stored[0];
      if (row && key === null && node !== null && row.node !== null && row.node !== node) {
        yield wrong('wrong_answer', `${said} by ${node}, but it was ${row.node} that stored it.`);
      }
      if (row && (row.message !== message || row.position !== position)) {
        yield wrong('wrong_answer', `${said}, but the log has message ${row.message} at ${row.position}.`);
      }
      const others = readAs.filter((id) => id !== message);
      if (others.length > 0)
        yield wrong('wrong_answer', `${said}, but readers got it as message ${others.join(', ')}.`);
    }
  }
}
