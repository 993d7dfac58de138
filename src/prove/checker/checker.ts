import type { HistoryRecord } from '../history/history-record.ts';
import { readHistory } from '../history/run-history.ts';
import { checkDelivery } from './check-delivery.ts';
import { checkOrder, checkResponses } from './check-order.ts';
import type { CheckResult, Counts, Timeline, Violation, ViolationKind } from './check-result.ts';
import { checkTerms } from './check-terms.ts';
import type { Facts } from './facts.ts';
import { createFactsBuilder } from './facts-builder.ts';
import { checkRecovery, measureGaps } from './gaps.ts';
import { checkLostEvents, checkRefusals, countLost } from './lost-events.ts';

/** Violations listed per kind: a whole lost page shows no more than its first fifty messages. */
const MAX_PER_KIND = 50;

function count(facts: Facts): Counts {
  const messages = [...facts.messages.values()];
  const refused = messages.reduce((sum, message) => sum + message.refused, 0);
  const terms = new Set([...facts.termsSeen.map(({ term }) => term), ...facts.writesByTerm.keys()]);
  return {
    posts: facts.postCount,
    acknowledged: facts.acknowledgementTimes.length,
    replicated: facts.replicatedCount,
    refused,
    unknown: facts.postCount - facts.acknowledgementTimes.length - refused,
    lost: countLost(facts),
    messages: messages.filter((message) => message.acknowledged > 0).length,
    readers: facts.readers.size,
    deliveries: [...facts.readers.values()].reduce((sum, reader) => sum + reader.messages.length, 0),
    refusedCursors: [...facts.readers.values()].reduce((sum, reader) => sum + reader.refusals.length, 0),
    faults: facts.faults.size,
    terms: terms.size,
  };
}

/** Buckets of the timeline: enough for a chart of a page's width. */
const BUCKETS = 240;

function timelineOf({ acknowledgementTimes, faults, ended }: Facts): Timeline {
  const beganMs = Math.min(acknowledgementTimes[0] ?? 0, ...[...faults.values()].map(({ began }) => began));
  const lengthMs = ended - beganMs;
  const bucketMs = Math.max(250, lengthMs / BUCKETS);
  const acknowledged = Array.from({ length: Math.floor(lengthMs / bucketMs) + 1 }, () => 0);
  for (const time of acknowledgementTimes) {
    const at = Math.floor((time - beganMs) / bucketMs);
    acknowledged[at] = (acknowledged[at] ?? 0) + 1;
  }
  return { beganMs, lengthMs, bucketMs, acknowledged };
}

/** A run that was interrupted has not healed its last fault, and its readers have not read to the end. */
const UNKNOWN_IF_INTERRUPTED: readonly ViolationKind[] = ['reader_stuck', 'not_healed'];

/** The promises of a run's database. */
export interface CheckOptions {
  /** True if a failover may lose events (an asynchronous standby). A loss that the epochs report is then no violation. */
  mayLose?: boolean;
}

/** Checks the facts of a history. */
function checkFacts(facts: Facts, mayLose: boolean): CheckResult {
  const violations: Violation[] = [];
  const totals: Partial<Record<ViolationKind, number>> = {};
  const checkCursors = () => checkRefusals(facts, mayLose);
  for (const check of [
    checkDelivery,
    checkLostEvents,
    checkCursors,
    checkOrder,
    checkResponses,
    checkTerms,
    checkRecovery,
  ]) {
    for (const violation of check(facts)) {
      if (facts.interruption !== null && UNKNOWN_IF_INTERRUPTED.includes(violation.kind)) continue;
      const total = (totals[violation.kind] ?? 0) + 1;
      totals[violation.kind] = total;
      if (total <= MAX_PER_KIND) violations.push(violation);
    }
  }
  const { about, remarks, interruption } = facts;
  return {
    valid: violations.length === 0,
    violations,
    totals,
    counts: count(facts),
    gaps: measureGaps(facts),
    timeline: timelineOf(facts),
    about,
    remarks,
    interruption,
  };
}

/** Checks a history given line by line, in the order of the file. */
export function checkHistory(history: Iterable<HistoryRecord>, { mayLose = false }: CheckOptions = {}): CheckResult {
  const builder = createFactsBuilder();
  for (const record of history) builder.add(record);
  return checkFacts(builder.finish(mayLose), mayLose);
}

/** Checks a history in a file, which it reads as a stream. */
export async function checkFile(path: string, { mayLose = false }: CheckOptions = {}): Promise<CheckResult> {
  const builder = createFactsBuilder();
  for await (const record of readHistory(path)) builder.add(record);
  return checkFacts(builder.finish(mayLose), mayLose);
}
