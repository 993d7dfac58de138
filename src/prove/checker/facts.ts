import type { RunAbout } from '../history/history-record.ts';

/** Everything that a history contains about one message. */
export interface MessageFacts {
  value: string;
  /** Null if it was not posted. */
  group: number | null;
  key: string | null;
  postCount: number;
  acknowledged: number;
  refused: number;
  /** Start of the first post, and first acknowledgement. The commit happened between them. */
  invokedAt: number;
  acknowledgedAt: number;
  /** Its acknowledgements that differ in message id, position, epoch or durability. */
  acknowledgements: Acknowledgement[];
  /** Acknowledgements of lost events (lost-events.ts). */
  lost: Acknowledgement[];
  /** True if a reader received it and then stepped back to before it. */
  isRolledBack: boolean;
  stored: { message: number; position: number; group: number; node: string | null; term: number | null }[];
  /** Its position in the log: from the table, else from the first response or reader. */
  position: number | null;
  /** The distinct message ids under which readers received it. */
  readAs: number[];
}

/** The response to an accepted post. The epoch is null in histories without epochs. */
export interface Acknowledgement {
  message: number;
  position: number;
  epoch: string | null;
  durable: string | null;
  node: string | null;
  time: number;
}

/** One reader with all its pages, as two columns (three million objects would take too much memory). */
export interface ReaderFacts {
  name: string;
  groups: Set<number>;
  from: number;
  positions: number[];
  messages: MessageFacts[];
  done: boolean;
  refusals: { cursor: string | null; reason: string }[];
}

/** The writes accepted in a term: the nodes that accepted them, the earliest end and the latest start. */
export interface TermWrites {
  nodes: Map<string, string>;
  firstDone: number;
  firstDoneMessage: string;
  lastBegun: number;
  lastBegunMessage: string;
}

/** One fault. `problem` is the reason why it was not healed. */
interface FaultFacts {
  kind: string;
  node: string | null;
  /** True if it hit the active node; null if that is not known. */
  active: boolean | null;
  began: number;
  healed: number | null;
  problem: string | null;
}

/** A history grouped by subject, as the checks read it. */
export interface Facts {
  messages: Map<string, MessageFacts>;
  readers: Map<string, ReaderFacts>;
  accepted: AcceptedWrite[];
  writesByTerm: Map<number, TermWrites>;
  /** In ascending order: an epoch begins after a position. */
  epochs: { epoch: string; after: number }[];
  /** Observed rows of plantao.leader_terms in order: `by` the observer during the run, and `table` at its end. */
  termsSeen: { by: string; time: number; term: number; node: string | null }[];
  faults: Map<string, FaultFacts>;
  /** Times of all acknowledgements, ascending. */
  acknowledgementTimes: number[];
  deaths: { node: string | null; time: number; reason: string }[];
  /** Deliveries in a group that the message was not posted to. */
  misdelivered: { reader: string; message: MessageFacts; group: number }[];
  /** Acknowledgements as `durable: replicated`. */
  replicatedCount: number;
  postCount: number;
  ended: number;
  /** Pairs of nodes that were active at the same time. */
  overlaps: string[];
  about: RunAbout | null;
  remarks: string[];
  /** Why the run did not reach its end; null if it did. */
  interruption: string | null;
}

/** Returns the facts of an empty history. */
export function emptyFacts(): Facts {
  return {
    messages: new Map(),
    readers: new Map(),
    accepted: [],
    writesByTerm: new Map(),
    epochs: [],
    termsSeen: [],
    faults: new Map(),
    acknowledgementTimes: [],
    deaths: [],
    misdelivered: [],
    postCount: 0,
    replicatedCount: 0,
    ended: 0,
    overlaps: [],
    about: null,
    remarks: [],
    interruption: null,
  };
}

/** One accepted write: its term, its node, and the times between which it was committed. */
export interface AcceptedWrite {
  term: number;
  node: string | null;
  begun: number;
  done: number;
  value: string;
  position?: number;
  epoch?: string | null;
}

/** Adds an accepted write to its term. */
export function addWrite(
  writesByTerm: Map<number, TermWrites>,
  { term, node, begun, done, value }: AcceptedWrite,
): void {
  let writes = writesByTerm.get(term);
  if (!writes) {
    writes = { nodes: new Map(), firstDone: done, firstDoneMessage: value, lastBegun: begun, lastBegunMessage: value };
    writesByTerm.set(term, writes);
  }
  if (node !== null && !writes.nodes.has(node)) writes.nodes.set(node, value);
  if (done < writes.firstDone) Object.assign(writes, { firstDone: done, firstDoneMessage: value });
  if (begun > writes.lastBegun) Object.assign(writes, { lastBegun: begun, lastBegunMessage: value });
}
