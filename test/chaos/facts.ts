import type {
  FaultRecord,
  HistoryRecord,
  PostRecord,
  ReadRecord,
  Sighting,
  StoredRecord,
  TermRecord,
} from './history-record.ts';

/** Everything that a history says about one text. */
export interface Message {
  value: string;
  /** Null while nobody has posted it. */
  group: number | null;
  key: string | null;
  posts: number;
  acknowledged: number;
  refused: number;
  /** Begin of the first post and first acknowledgement: the commit lies between them. */
  invokedAt: number;
  acknowledgedAt: number;
  /** The distinct (message id, position, node) of its acknowledgements. */
  answers: { message: number; position: number; node: string | null }[];
  stored: { message: number; position: number; group: number; node: string | null; term: number | null }[];
  /** Where the log has it: by the table, else by the first that said so. */
  position: number | null;
  /** The distinct message ids under which readers got it. */
  readAs: number[];
}

/** One reader: the pages that it got laid end to end, as two columns (three million objects would be a burden). */
export interface Reader {
  name: string;
  groups: Set<number>;
  from: number;
  positions: number[];
  messages: Message[];
  done: boolean;
  refusals: string[];
}

/** When a term's node was seen to accept writes: its earliest finished and its latest begun acknowledgement. */
export interface TermUse {
  nodes: Map<string, string>;
  firstDone: number;
  firstDoneMessage: string;
  lastBegun: number;
  lastBegunMessage: string;
}

/** One fault; `trouble` says why it was not healed. */
export interface FaultFacts {
  kind: string;
  node: string | null;
  began: number;
  healed: number | null;
  trouble: string | null;
}

/** A history, sorted by what it is about. Made by `digest`, read by the checks. */
export interface Facts {
  messages: Map<string, Message>;
  readers: Map<string, Reader>;
  uses: Map<number, TermUse>;
  /** What was seen of plantao.leader_terms, in order: `by` the witness during the run, and at its end in the table. */
  termsSeen: { by: string; time: number; term: number; node: string | null }[];
  faults: Map<string, FaultFacts>;
  /** Times of all acknowledgements, rising. */
  acknowledgements: number[];
  deaths: { node: string | null; time: number; reason: string }[];
  /** Sightings in a group that the text was not posted to. */
  strays: { reader: string; message: Message; group: number }[];
  posts: number;
  ended: number;
}

/** Facts of an empty history. */
export function noFacts(): Facts {
  return {
    messages: new Map(),
    readers: new Map(),
    uses: new Map(),
    termsSeen: [],
    faults: new Map(),
    acknowledgements: [],
    deaths: [],
    strays: [],
    posts: 0,
    ended: 0,
  };
}

/** One accepted write: under which term, by whom, and between which times it was committed. */
export interface Use {
  term: number;
  node: string | null;
  begun: number;
  done: number;
  value: string;
}

/** Adds an accepted write to what is known of its term. */
export function noteUse(uses: Map<number, TermUse>, { term, node, begun, done, value }: Use): void {
  let use = uses.get(term);
  if (!use) {
    use = { nodes: new Map(), firstDone: done, firstDoneMessage: value, lastBegun: begun, lastBegunMessage: value };
    uses.set(term, use);
  }
  if (node !== null && !use.nodes.has(node)) use.nodes.set(node, value);
  if (done < use.firstDone) Object.assign(use, { firstDone: done, firstDoneMessage: value });
  if (begun > use.lastBegun) Object.assign(use, { lastBegun: begun, lastBegunMessage: value });
}

function messageOf(facts: Facts, value: string): Message {
  const known = facts.messages.get(value);
  if (known) return known;
  const message: Message = {
    value,
    group: null,
    key: null,
    posts: 0,
    acknowledged: 0,
    refused: 0,
    invokedAt: Number.POSITIVE_INFINITY,
    acknowledgedAt: Number.POSITIVE_INFINITY,
    answers: [],
    stored: [],
    position: null,
    readAs: [],
  };
  facts.messages.set(value, message);
  return message;
}

function addPost(facts: Facts, begun: Map<string, number>, record: PostRecord) {
  const message = messageOf(facts, record.value);
  if (record.type === 'invoke') {
    message.group ??= record.group;
    message.key ??= record.key;
    message.posts += 1;
    message.invokedAt = Math.min(message.invokedAt, record.time);
    facts.posts += 1;
    begun.set(record.process, record.time);
  } else if (record.type === 'fail') {
    message.refused += 1;
  } else if (record.type === 'ok') {
    message.acknowledged += 1;
    message.acknowledgedAt = Math.min(message.acknowledgedAt, record.time);
    facts.acknowledgements.push(record.time);
    const answer = { message: record.message ?? -1, position: record.position ?? -1, node: record.node };
    if (!message.answers.some((a) => a.message === answer.message && a.position === answer.position)) {
      message.answers.push(answer);
    }
    message.position ??= record.position ?? null;
    // The node asserted this term inside the transaction that answered, be it the first one or one that found the key.
    const from = begun.get(record.process);
    if (record.term !== null && from !== undefined) {
      const { term, node, time: done, value } = record;
      noteUse(facts.uses, { term, node, begun: from, done, value });
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
  if (record.type === 'fail') reader.refusals.push(record.reason ?? 'without a reason');
  for (const sighting of record.values ?? []) addSighting(facts, reader, sighting);
}

function addSighting(facts: Facts, reader: Reader, [position, id, value, group]: Sighting) {
  const message = messageOf(facts, value);
  if (!message.readAs.includes(id)) message.readAs.push(id);
  message.position ??= position;
  if (message.group !== null && message.group !== group) facts.strays.push({ reader: reader.name, message, group });
  reader.positions.push(position);
  reader.messages.push(message);
}

function addStored(facts: Facts, record: StoredRecord) {
  const message = messageOf(facts, record.value);
  // The table's word goes above that of answers and readers, which came first.
  if (message.stored.length === 0) message.position = record.position;
  const { message: id, position, group, node, term } = record;
  message.stored.push({ message: id, position, group, node, term });
}

function addFault(facts: Facts, record: FaultRecord) {
  if (record.type === 'invoke') {
    const { process, kind, node, time: began } = record;
    facts.faults.set(process, { kind, node, began, healed: null, trouble: null });
    return;
  }
  const fault = facts.faults.get(record.process);
  // One that could not be brought about has no gap and nothing to heal.
  if (record.type === 'fail') facts.faults.delete(record.process);
  else if (fault && record.type === 'unknown') fault.trouble = record.detail ?? null;
  else if (fault) fault.healed = record.time;
}

function addTerm(facts: Facts, { process, time, term, node }: TermRecord) {
  if (term !== null) facts.termsSeen.push({ by: process, time, term, node });
}

/** Sorts a history by what it is about: give it every line in order, then read `facts`. */
export function createDigest(): { facts: Facts; add(record: HistoryRecord): void } {
  const facts = noFacts();
  const begun = new Map<string, number>();
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
      case 'death':
        facts.deaths.push({ node: record.node, time: record.time, reason: record.reason });
    }
  };
  return { facts, add };
}
