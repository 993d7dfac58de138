import type { Violation } from './check-result.ts';
import type { Facts, MessageFacts, ReaderFacts } from './facts.ts';

/** Returns true if the message was posted and every post of it was certainly refused. */
function wasRefused(message: MessageFacts): boolean {
  return message.postCount > 0 && message.refused === message.postCount;
}

function seconds(time: number): string {
  return `${(time / 1000).toFixed(3)} s`;
}

function violation(kind: Violation['kind'], sentence: string, ...messages: MessageFacts[]): Violation {
  return { kind, sentence, messages: messages.map((message) => message.value) };
}

/** Checks that every message in the table or at a reader was posted, not refused, and in its group. */
function* checkPresence(facts: Facts, seen: Map<MessageFacts, ReaderFacts>): Generator<Violation> {
  for (const message of facts.messages.values()) {
    const reader = seen.get(message);
    if (!reader && message.stored.length === 0) continue;
    const where = reader ? `reader ${reader.name} received it` : 'the table contains it';
    const text = `"${message.value}"`;
    if (message.postCount === 0) yield violation('phantom', `${text} was never posted, but ${where}.`, message);
    else if (wasRefused(message))
      yield violation('stored_after_refusal', `Every post of ${text} was refused, but ${where}.`, message);
  }
  for (const { reader, message, group } of facts.misdelivered) {
    const sentence = `"${message.value}" was posted to group ${message.group}, but reader ${reader} received it in group ${group}.`;
    yield violation('wrong_group', sentence, message);
  }
}

/** Checks that the table contains each message once. */
function* checkStoredOnce(facts: Facts): Generator<Violation> {
  for (const message of facts.messages.values()) {
    if (message.stored.length < 2) continue;
    const ids = message.stored.map((row) => row.message).join(', ');
    const kind = message.acknowledged > 0 ? 'duplicated' : 'duplicated_unknown';
    yield violation(
      kind,
      `The table contains "${message.value}" ${message.stored.length} times, as ids ${ids}.`,
      message,
    );
  }
}

/** Checks that a reader received each message once. */
function* checkDuplicates(reader: ReaderFacts): Generator<Violation> {
  const first = new Map<MessageFacts, number>();
  for (const [index, message] of reader.messages.entries()) {
    const position = reader.positions[index] ?? -1;
    const earlier = first.get(message);
    if (earlier === undefined) {
      first.set(message, position);
      continue;
    }
    const kind = message.acknowledged > 0 ? 'duplicated' : 'duplicated_unknown';
    const status = message.acknowledged > 0 ? 'was acknowledged' : 'was never acknowledged';
    const sentence = `Reader ${reader.name} received "${message.value}" at position ${earlier} and again at ${position}; it ${status}.`;
    yield violation(kind, sentence, message);
  }
}

/** Checks that a reader received every message of its groups that was acknowledged, stored or read by another reader. */
function* checkLosses(facts: Facts, reader: ReaderFacts, seen: Map<MessageFacts, ReaderFacts>): Generator<Violation> {
  // A reader that never reached the head is reported as stuck instead.
  if (!reader.done) return;
  const received = new Set(reader.messages);
  for (const message of facts.messages.values()) {
    if (received.has(message) || message.group === null || !reader.groups.has(message.group)) continue;
    if (message.position !== null && message.position <= reader.from) continue;
    const other = seen.get(message);
    const text = `"${message.value}"`;
    if (message.acknowledged > 0) {
      const id = message.acknowledgements[0]?.message;
      const when = `was acknowledged at ${seconds(message.acknowledgedAt)} as message ${id}`;
      yield violation('lost', `${text} ${when}, but reader ${reader.name} never received it.`, message);
    } else if (other) {
      yield violation('lost', `Reader ${other.name} received ${text}, but reader ${reader.name} never did.`, message);
    } else if (message.stored.length > 0) {
      yield violation('lost', `The table contains ${text}, but reader ${reader.name} never received it.`, message);
    }
  }
}

/** Checks that the table contains every acknowledged message, if the run could read the table. */
function* checkDurability(facts: Facts): Generator<Violation> {
  const messages = [...facts.messages.values()];
  if (!messages.some((message) => message.stored.length > 0)) return;
  for (const message of messages) {
    if (message.acknowledged > 0 && message.stored.length === 0) {
      const sentence = `"${message.value}" was acknowledged at ${seconds(message.acknowledgedAt)}, but the table does not contain it.`;
      yield violation('lost', sentence, message);
    }
  }
}

/** Checks delivery: nothing is lost, duplicated, invented or delivered to the wrong group. */
export function* checkDelivery(facts: Facts): Generator<Violation> {
  const seen = new Map<MessageFacts, ReaderFacts>();
  for (const reader of facts.readers.values()) {
    for (const message of reader.messages) if (!seen.has(message)) seen.set(message, reader);
  }
  yield* checkPresence(facts, seen);
  yield* checkStoredOnce(facts);
  yield* checkDurability(facts);
  for (const reader of facts.readers.values()) {
    yield* checkDuplicates(reader);
    yield* checkLosses(facts, reader, seen);
    if (!reader.done) {
      const last = reader.positions.at(-1) ?? reader.from;
      const sentence = `Reader ${reader.name} did not reach the head of the log; the last position it received is ${last}.`;
      yield { kind: 'reader_stuck', sentence, messages: [] };
    }
  }
}
