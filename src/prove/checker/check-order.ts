import type { Violation } from './check-result.ts';
import type { Facts, MessageFacts, ReaderFacts } from './facts.ts';

function reordered(sentence: string, ...messages: (MessageFacts | undefined)[]): Violation {
  return { kind: 'reordered', sentence, messages: messages.flatMap((message) => (message ? [message.value] : [])) };
}

/** Checks that the positions of a reader increase. Repeated messages are a separate kind of violation. */
function* checkIncreasing(reader: ReaderFacts): Generator<Violation> {
  const received = new Set<MessageFacts>();
  let highest = reader.from;
  let before: MessageFacts | undefined;
  for (const [index, message] of reader.messages.entries()) {
    const position = reader.positions[index] ?? -1;
    if (position <= highest && !received.has(message)) {
      const after = before ? `"${before.value}" at ${highest}` : `its start at ${highest}`;
      yield reordered(
        `Reader ${reader.name} received "${message.value}" at position ${position} after ${after}.`,
        before,
        message,
      );
    }
    received.add(message);
    if (position > highest) {
      highest = position;
      before = message;
    }
  }
}

/** Checks that each message has one position for all readers, and each position one message. */
function* checkPositions(facts: Facts): Generator<Violation> {
  const byPosition = new Map<number, MessageFacts>();
  const named = new Set<MessageFacts>();
  for (const reader of facts.readers.values()) {
    for (const [index, message] of reader.messages.entries()) {
      const position = reader.positions[index] ?? -1;
      const other = byPosition.get(position);
      byPosition.set(position, other ?? message);
      if (named.has(message) || (message.position === position && (other ?? message) === message)) continue;
      named.add(message);
      const elsewhere =
        message.position === position
          ? `where others received "${other?.value}"`
          : `which others received at position ${message.position}`;
      const sentence = `Reader ${reader.name} received "${message.value}" at position ${position}, ${elsewhere}.`;
      yield reordered(sentence, message, other === message ? undefined : other);
    }
  }
}

/**
 * Checks that a message acknowledged before another was posted precedes it in the log. Walks the log upwards and compares
 * each acknowledgement with the latest start of a post at a lower position.
 */
function* checkRealTime(facts: Facts): Generator<Violation> {
  const placed = [...facts.messages.values()].filter((message) => message.position !== null && message.postCount > 0);
  placed.sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
  let latest: MessageFacts | undefined;
  for (const message of placed) {
    if (latest && message.acknowledgedAt < latest.invokedAt) {
      const first = `"${message.value}" (position ${message.position}) was acknowledged`;
      const second = `"${latest.value}" (position ${latest.position}) was posted`;
      yield reordered(`${first} before ${second}, but follows it in the log.`, latest, message);
    }
    if (!latest || message.invokedAt > latest.invokedAt) latest = message;
  }
}

/** Checks log order: it is the same for every reader and never contradicts the observed order of operations. */
export function* checkOrder(facts: Facts): Generator<Violation> {
  for (const reader of facts.readers.values()) yield* checkIncreasing(reader);
  yield* checkPositions(facts);
  yield* checkRealTime(facts);
}

/** Checks the responses to posts: one message per key, and the one in the log. */
export function* checkResponses(facts: Facts): Generator<Violation> {
  for (const { value, key, acknowledgements, stored, readAs, isRolledBack } of facts.messages.values()) {
    const [acknowledgement] = acknowledgements;
    const other = acknowledgements.find(
      (one) => one.message !== acknowledgement?.message || one.position !== acknowledgement.position,
    );
    const wrong = (kind: Violation['kind'], sentence: string): Violation => ({ kind, sentence, messages: [value] });
    if (acknowledgement && other) {
      const ids = `message ${acknowledgement.message} at ${acknowledgement.position}, then message ${other.message} at ${other.position}`;
      yield wrong('two_acknowledgements', `Posts of "${value}" with key ${key} were acknowledged with ${ids}.`);
    }
    for (const { message, position, node } of acknowledgements) {
      const acknowledged = `"${value}" was acknowledged as message ${message} at ${position}`;
      const row = stored[0];
      if (row && key === null && node !== null && row.node !== null && row.node !== node) {
        yield wrong('wrong_acknowledgement', `${acknowledged} by ${node}, but ${row.node} stored it.`);
      }
      if (row && (row.message !== message || row.position !== position)) {
        yield wrong(
          'wrong_acknowledgement',
          `${acknowledged}, but the log has message ${row.message} at ${row.position}.`,
        );
      }
      // After a loss, a retry may have stored the message again under another id.
      const others = isRolledBack ? [] : readAs.filter((id) => id !== message);
      if (others.length > 0)
        yield wrong(
          'wrong_acknowledgement',
          `${acknowledged}, but readers received it as message ${others.join(', ')}.`,
        );
    }
  }
}
