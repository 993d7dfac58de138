/** The ways in which a history can break the promises, by name. */
export const VIOLATIONS = {
  lost: 'a message that was acknowledged, or that another reader got, never reached a reader of its group',
  doubled: 'a reader got an acknowledged message twice',
  unknown_twice: 'a reader got twice a message whose post ended in doubt',
  reordered: 'log order was not the same for all, or contradicts the order in which posts were answered',
  phantom: 'a reader got, or the table holds, a message that nobody posted',
  refused_yet_read: 'a message was stored though every post of it was refused',
  wrong_group: 'a message turned up in a group that it was not posted to',
  two_answers: 'posts with one key were answered with different messages',
  wrong_answer: 'the answer to a post names another message id or position than the log',
  two_writers: 'two nodes wrote in one term',
  two_active: 'two nodes said at one time that they were active',
  closed_term_write: 'a write was accepted under a term that a later one had followed',
  term_fell: 'terms did not only rise',
  reader_stuck: 'a reader did not reach the head of the log after the faults',
  cursor_refused: 'a cursor was refused though retention was off and no history was lost',
  not_healed: 'no write was accepted for ten seconds after a fault was healed, or none any more',
  node_died: 'a node ended though nobody had asked for it, or not in order when asked',
} as const;

/** The name of a broken promise. */
export type ViolationKind = keyof typeof VIOLATIONS;

/** One broken promise, told in a sentence, with the texts of the messages concerned. */
export interface Violation {
  kind: ViolationKind;
  sentence: string;
  messages: string[];
}

/** How long no write was accepted around one fault: between two acknowledgements, in ms. Null: none came any more. */
export interface FaultGap {
  fault: string;
  kind: string;
  node: string | null;
  /** When the fault began and was healed, ms on the run's clock. */
  began: number;
  healed: number | null;
  /** Last acknowledgement before the gap and first after it. */
  lastGood: number | null;
  firstGood: number | null;
  gap: number | null;
  /** From the healing to the next acknowledgement, ms. */
  recovery: number | null;
  /** False where another fault was under way at the same time: the gap is then the work of both. */
  alone: boolean;
}

/** What was done and seen, in numbers. */
export interface Counts {
  posts: number;
  acknowledged: number;
  refused: number;
  unknown: number;
  messages: number;
  readers: number;
  sightings: number;
  faults: number;
  terms: number;
}

/** What a history proves. `violations` names at most a few dozen of each kind; `totals` has all that were found. */
export interface Verdict {
  valid: boolean;
  violations: Violation[];
  totals: Partial<Record<ViolationKind, number>>;
  counts: Counts;
  gaps: FaultGap[];
}
