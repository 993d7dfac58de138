import type {
  DeliveredMessage,
  FaultRecord,
  HistoryRecord,
  PostRecord,
  ReadRecord,
  RunRecord,
  StoredRecord,
  TermRecord,
} from '../history/history-record.ts';
import { addWrite, emptyFacts, type Facts, type MessageFacts, type ReaderFacts } from './facts.ts';
import { separateLostEvents } from './lost-events.ts';

function messageFacts(facts: Facts, value: string): MessageFacts {
  const known = facts.messages.get(value);
  if (known) return known;
  const message: MessageFacts = {
    value,
    group: null,
    key: null,
    postCount: 0,
    acknowledged: 0,
    refused: 0,
    invokedAt: Number.POSITIVE_INFINITY,
    acknowledgedAt: Number.POSITIVE_INFINITY,
    acknowledgements: [],
    lost: [],
    isRolledBack: false,
    stored: [],
    position: null,
    readAs: [],
  };
  facts.messages.set(value, message);
  return message;
}

function addPost(facts: Facts, begun: Map<string, number>, record: PostRecord) {
  const message = messageFacts(facts, record.value);
  if (record.type === 'invoke') {
    message.group ??= record.group;
    message.key ??= record.key;
    message.postCount += 1;
    message.invokedAt = Math.min(message.invokedAt, record.time);
    facts.postCount += 1;
    begun.set(record.process, record.time);
  } else if (record.type === 'fail') {
    message.refused += 1;
  } else if (record.type === 'ok') {
    message.acknowledged += 1;
    message.acknowledgedAt = Math.min(message.acknowledgedAt, record.time);
    facts.acknowledgementTimes.push(record.time);
    if (record.durable === 'replicated') facts.replicatedCount += 1;
    const { message: id = -1, position = -1, epoch = null, durable = null, node, time } = record;
    const isKnown = message.acknowledgements.some(
      (one) => one.message === id && one.position === position && one.epoch === epoch && one.durable === durable,
    );
    if (!isKnown) message.acknowledgements.push({ message: id, position, epoch, durable, node, time });
    message.position ??= record.position ?? null;
    // The node asserted this term inside the transaction, whether it stored the message or found the key.
    const from = begun.get(record.process);
    if (record.term !== null && from !== undefined) {
      const { term, value } = record;
      facts.accepted.push({ term, node, begun: from, done: time, value, position, epoch });
    }
  }
}

function addRead(facts: Facts, record: ReadRecord) {
  let reader = facts.readers.get(record.process);
  if (!reader) {
    reader = {
      name: record.process,
      groups: new Set(),
      from: 0,
      positions: [],
      messages: [],
      done: false,
      refusals: [],
    };
    facts.readers.set(record.process, reader);
  }
  for (const group of record.groups ?? []) reader.groups.add(group);
  if (record.from !== undefined) reader.from = record.from;
  if (record.done) reader.done = true;
  if (record.type === 'fail') {
    reader.refusals.push({ cursor: record.cursor ?? null, reason: record.reason ?? 'unknown reason' });
  }
  if (record.resumed !== undefined) stepBack(reader, record.resumed);
  for (const delivery of record.values ?? []) addDelivery(facts, reader, delivery);
}

function stepBack(reader: ReaderFacts, position: number) {
  while ((reader.positions.at(-1) ?? position) > position) {
    reader.positions.pop();
    const message = reader.messages.pop();
    if (message) message.isRolledBack = true;
  }
}

function addDelivery(facts: Facts, reader: ReaderFacts, [position, id, value, group]: DeliveredMessage) {
  const message = messageFacts(facts, value);
  if (!message.readAs.includes(id)) message.readAs.push(id);
  message.position ??= position;
  if (message.group !== null && message.group !== group)
    facts.misdelivered.push({ reader: reader.name, message, group });
  reader.positions.push(position);
  reader.messages.push(message);
}

function addStored(facts: Facts, record: StoredRecord) {
  const message = messageFacts(facts, record.value);
  // The table overrides the positions from responses and readers.
  if (message.stored.length === 0) message.position = record.position;
  const { message: id, position, group, node, term } = record;
  message.stored.push({ message: id, position, group, node, term });
}

function addFault(facts: Facts, record: FaultRecord) {
  if (record.type === 'invoke') {
    const { process, kind, node, active = null, time: began } = record;
    facts.faults.set(process, { kind, node, active, began, healed: null, problem: null });
    return;
  }
  const fault = facts.faults.get(record.process);
  // A fault that could not be injected has no gap and nothing to heal.
  if (record.type === 'fail') facts.faults.delete(record.process);
  else if (fault && record.type === 'unknown') fault.problem = record.detail ?? null;
  else if (fault) fault.healed = record.time;
}

function addTerm(facts: Facts, { process, time, term, node }: TermRecord) {
  if (term !== null) facts.termsSeen.push({ by: process, time, term, node });
}

function addRun(facts: Facts, { type, about, reason = 'unknown reason' }: RunRecord) {
  if (about) facts.about = about;
  if (type === 'unknown') facts.remarks.push(reason);
  if (type === 'fail') facts.interruption = reason;
}

/** Discards the table, which was read in part or not at all: missing rows prove nothing. */
function forgetTable(facts: Facts) {
  for (const message of facts.messages.values()) message.stored = [];
}

/** Groups a history by subject. Call `add` with every line in order, then `finish`, which returns the facts. */
export function createFactsBuilder(): { add(record: HistoryRecord): void; finish(mayLose?: boolean): Facts } {
  const facts = emptyFacts();
  const begun = new Map<string, number>();
  let hasEnded = false;
  const add = (record: HistoryRecord) => {
    facts.ended = Math.max(facts.ended, record.time);
    switch (record.op) {
      case 'post':
        return addPost(facts, begun, record);
      case 'read':
        return addRead(facts, record);
      case 'stored':
        return addStored(facts, record);
      case 'fault':
        return addFault(facts, record);
      case 'term':
        return addTerm(facts, record);
      case 'epoch':
        facts.epochs.push({ epoch: record.epoch, after: record.after });
        return;
      case 'death':
        facts.deaths.push({ node: record.node, time: record.time, reason: record.reason });
        return;
      case 'overlap':
        facts.overlaps.push(record.reason);
        return;
      case 'run':
        hasEnded ||= record.type === 'ok' || record.type === 'fail';
        addRun(facts, record);
    }
  };
  const finish = (mayLose = false) => {
    // A run records its beginning and its outcome. The histories of the chaos test have neither.
    if (facts.about !== null && !hasEnded) facts.interruption = 'the history has no end: the run was killed';
    if (facts.interruption !== null) forgetTable(facts);
    if (mayLose) separateLostEvents(facts);
    for (const write of facts.accepted) addWrite(facts.writesByTerm, write);
    return facts;
  };
  return { add, finish };
}
