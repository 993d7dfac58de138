import type { Facts, Message, Reader } from './facts.ts';
import type { Violation } from './verdict.ts';

/** Was it posted, and was every one of its posts refused for certain? */
function wasRefused(message: Message): boolean {
  return message.posts > 0 && message.refused === message.posts;
}

function seconds(time: number): string {
  return `${(time / 1000).toFixed(3)} s`;
}

function found(kind: Violation['kind'], sentence: string, ...messages: Message[]): Violation {
  return { kind, sentence, messages: messages.map((message) => message.value) };
}

/** What is wrong with the mere presence of messages, in the table or with a reader. */
function* checkPresence(facts: Facts, seen: Map<Message, Reader>): Generator<Violation> {
  for (const message of facts.messages.values()) {
    const reader = seen.get(message);
    if (!reader && message.stored.length === 0) continue;
    const where = reader ? `reader ${reader.name} got it` : 'the table holds it';
    const text = `"${message.value}"`;
    if (message.posts === 0) yield found('phantom', `Nobody posted ${text}, yet ${where}.`, message);
    else if (wasRefused(message))
      yield found('refused_yet_read', `Every post of ${text} was refused, yet ${where}.`, message);
  }
  for (const { reader, message, group } of facts.strays) {
    const sentence = `"${message.value}" was posted to group ${message.group}, yet reader ${reader} got it in group ${group}.`;
    yield found('wrong_group', sentence, message);
  }
}

/** What the table holds more than once. */
function* checkStoredOnce(facts: Facts): Generator<Violation> {
  for (const message of facts.messages.values()) {
    if (message.stored.length < 2) continue;
    const ids = message.stored.map((row) => row.message).join(', ');
    const kind = message.acknowledged > 0 ? 'doubled' : 'unknown_twice';
    yield found(kind, `The table holds "${message.value}" ${message.stored.length} times, as ids ${ids}.`, message);
  }
}

/** One reader's pages: each message once. */
function* checkDoubles(reader: Reader): Generator<Violation> {
  const first = new Map<Message, number>();
  for (const [index, message] of reader.messages.entries()) {
    const position = reader.positions[index] ?? -1;
    const earlier = first.get(message);
    if (earlier === undefined) {
      first.set(message, position);
      continue;
    }
    const kind = message.acknowledged > 0 ? 'doubled' : 'unknown_twice';
    const doubt = message.acknowledged > 0 ? 'was acknowledged' : 'was never acknowledged';
    const sentence = `Reader ${reader.name} got "${message.value}" at position ${earlier} and again at ${position}; it ${doubt}.`;
    yield found(kind, sentence, message);
  }
}

/** One reader's lacks: what was acknowledged, is in the table or was read by another, and belongs to its groups. */
function* checkLosses(facts: Facts, reader: Reader, seen: Map<Message, Reader>): Generator<Violation> {
  // One that never reached the head has no end to speak of; it is reported as stuck.
  if (!reader.done) return;
  const got = new Set(reader.messages);
  for (const message of facts.messages.values()) {
    if (got.has(message) || message.group === null || !reader.groups.has(message.group)) continue;
    if (message.position !== null && message.position <= reader.from) continue;
    const other = seen.get(message);
    const text = `"${message.value}"`;
    if (message.acknowledged > 0) {
      const id = message.answers[0]?.message;
      const when = `was acknowledged at ${seconds(message.acknowledgedAt)} as message ${id}`;
      yield found('lost', `${text} ${when}, but reader ${reader.name} never got it.`, message);
    } else if (other) {
      yield found('lost', `Reader ${other.name} got ${text}, but reader ${reader.name} never did.`, message);
    } else if (message.stored.length > 0) {
      yield found('lost', `The table holds ${text}, but reader ${reader.name} never got it.`, message);
    }
  }
}

/** Acknowledged messages that are not in the table, when the run could read it. */
function* checkDurability(facts: Facts): Generator<Violation> {
  const messages = [...facts.messages.values()];
  if (!messages.some((message) => message.stored.length > 0)) return;
  for (const message of messages) {
    if (message.acknowledged > 0 && message.stored.length === 0) {
      const sentence = `"${message.value}" was acknowledged at ${seconds(message.acknowledgedAt)}, but the table does not hold it.`;
      yield found('lost', sentence, message);
    }
  }
}

/** Who got what: nothing lost, doubled, made up or let in by the back door. */
export function* checkDelivery(facts: Facts): Generator<Violation> {
  const seen = new Map<Message, Reader>();
  for (const reader of facts.readers.values()) {
    for (const message of reader.messages) if (!seen.has(message)) seen.set(message, reader);
  }
  yield* checkPresence(facts, seen);
  yield* checkStoredOnce(facts);
  yield* checkDurability(facts);
  for (const reader of facts.readers.values()) {
    yield* checkDoubles(reader);
    yield* checkLosses(facts, reader, seen);
    for (const reason of reader.refusals) {
      yield {
        kind: 'cursor_refused',
        sentence: `The cursor of reader ${reader.name} was refused: ${reason}.`,
        messages: [],
      };
    }
    if (!reader.done) {
      const last = reader.positions.at(-1) ?? reader.from;
      const sentence = `Reader ${reader.name} did not reach the head of the log; the last it got is position ${last}.`;
      yield { kind: 'reader_stuck', sentence, messages: [] };
    }
  }
}
