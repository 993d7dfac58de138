import type { RunAbout } from '../history/history-record.ts';

/** The kinds of violations of the guarantees. */
export const VIOLATIONS = {
  lost: 'a message that was acknowledged, or that another reader received, never reached a reader of its group',
  duplicated: 'a reader received an acknowledged message twice',
  duplicated_unknown: 'a reader received a message twice whose post had an unknown outcome',
  reordered: 'log order differed between readers, or contradicts the order of acknowledgements',
  phantom: 'a reader received, or the table contains, a message that was never posted',
  stored_after_refusal: 'a message was stored although every post of it was refused',
  wrong_group: 'a message appeared in a group that it was not posted to',
  two_acknowledgements: 'posts with the same key were acknowledged with different messages',
  wrong_acknowledgement: 'the response to a post names a different message id or position than the log',
  two_writers: 'two nodes wrote in the same term',
  two_active: 'two nodes reported at the same time that they were active',
  closed_term_write: 'a write was accepted in a term after a later term had begun',
  term_decreased: 'the term number decreased',
  reader_stuck: 'a reader did not reach the head of the log after the faults',
  cursor_refused: 'a cursor was refused although retention was off and no history was lost',
  false_loss_report: 'the epochs report a message as lost that the table contains',
  broken_acknowledgement: 'a message was acknowledged as replicated and lost by a failover',
  not_healed: 'no write was accepted within ten seconds after a fault was healed',
  node_exited: 'a node exited without a request, or did not exit cleanly when requested',
} as const;

/** The name of a kind of violation. */
export type ViolationKind = keyof typeof VIOLATIONS;

/** One violation, described in a sentence, with the texts of the messages concerned. */
export interface Violation {
  kind: ViolationKind;
  sentence: string;
  messages: string[];
}

/** How long no write was accepted around a fault: the time between two acknowledgements, in ms; null if none followed. */
export interface FaultGap {
  fault: string;
  kind: string;
  node: string | null;
  /** True if it hit the active node; null if it concerns PostgreSQL, or in older histories. */
  active: boolean | null;
  /** When the fault began and when it was healed, ms on the clock of the run. */
  began: number;
  healed: number | null;
  /** Last acknowledgement before the gap and first after it. */
  lastGood: number | null;
  firstGood: number | null;
  gap: number | null;
  /** From the healing to the next acknowledgement, ms. */
  recovery: number | null;
  /** False if another fault was active at the same time: the gap is then caused by both. */
  alone: boolean;
}

/** The numbers of operations and observations. */
export interface Counts {
  posts: number;
  acknowledged: number;
  /** Acknowledgements that promised to survive the loss of the primary server. */
  replicated: number;
  refused: number;
  unknown: number;
  /** Acknowledged messages among the lost events, which the epochs report. */
  lost: number;
  messages: number;
  readers: number;
  deliveries: number;
  /** Refused cursors of readers. */
  refusedCursors: number;
  faults: number;
  terms: number;
}

/** Acknowledgements over time, for a chart. */
export interface Timeline {
  /** When the first post was accepted, or a fault began before that; ms on the clock of the run. */
  beganMs: number;
  lengthMs: number;
  bucketMs: number;
  /** The number of acknowledgements in each bucket. */
  acknowledged: number[];
}

/** The result of checking a history. `violations` is limited per kind; `totals` counts all of them. */
export interface CheckResult {
  valid: boolean;
  violations: Violation[];
  totals: Partial<Record<ViolationKind, number>>;
  counts: Counts;
  gaps: FaultGap[];
  timeline: Timeline;
  /** Null in histories of other runs than `plantao prove`. */
  about: RunAbout | null;
  remarks: string[];
  /** Why the run did not reach its end; null if it did. */
  interruption: string | null;
}
