import { checkDelivery } from './check-delivery.ts';
import { checkAnswers, checkOrder } from './check-order.ts';
import type { CheckResult, Counts, Violation, ViolationKind } from './check-result.ts';
import { checkTerms } from './check-terms.ts';
import { createFactsBuilder, type Facts } from './facts.ts';
import { checkRecovery, measureGaps } from './gaps.ts';
import { readHistory } from './history.ts';
import type { HistoryRecord } from './history-record.ts';

/** Violations listed per kind: a whole lost page shows no more than its first fifty messages. */
const MAX_PER_KIND = 50;

function count(facts: Facts): Counts {
  const messages = [...facts.messages.values()];
  const terms = new Set([...facts.termsSeen.map(({ term }) => term), ...facts.writesByTerm.keys()]);
  return {
    posts: facts.postCount,
    acknowledged: facts.acknowledgementTimes.length,
    refused: messages.reduce((sum, message) => sum + message.refused, 0),
    unknown: messages.reduce(
      (sum, { postCount: posts, acknowledged, refused }) => sum + posts - acknowledged - refused,
      0,
    ),
    messages: messages.filter((message) => message.acknowledged > 0).length,
    readers: facts.readers.size,
    deliveries: [...facts.readers.values()].reduce((sum, reader) => sum + reader.messages.length, 0),
    faults: facts.faults.size,
    terms: terms.size,
  };
}

/** Checks the facts of a history. */
function checkFacts(facts: Facts): CheckResult {
  const violations: Violation[] = [];
  const totals: Partial<Record<ViolationKind, number>> = {};
  for (const check of [checkDelivery, checkOrder, checkAnswers, checkTerms, checkRecovery]) {
    for (const violation of check(facts)) {
      const total = (totals[violation.kind] ?? 0) + 1;
      totals[violation.kind] = total;
      if (total <= MAX_PER_KIND) violations.push(violation);
    }
  }
  return { valid: violations.length === 0, violations, totals, counts: count(facts), gaps: measureGaps(facts) };
}

/** Checks a history given line by line, in the order of the file. */
export function checkHistory(history: Iterable<HistoryRecord>): CheckResult {
  const builder = createFactsBuilder();
  for (const record of history) builder.add(record);
  return checkFacts(builder.facts);
}

/** Checks a history in a file, which it reads as a stream. */
export async function checkFile(path: string): Promise<CheckResult> {
  const builder = createFactsBuilder();
  for await (const record of readHistory(path)) builder.add(record);
  return checkFacts(builder.facts);
}
