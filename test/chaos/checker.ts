import { checkDelivery } from './check-delivery.ts';
import { checkAnswers, checkOrder } from './check-order.ts';
import { checkTerms } from './check-terms.ts';
import { createDigest, type Facts } from './facts.ts';
import { checkHealing, measureGaps } from './gaps.ts';
import { readHistory } from './history.ts';
import type { HistoryRecord } from './history-record.ts';
import type { Counts, Verdict, Violation, ViolationKind } from './verdict.ts';

/** Of one kind, so many are told in full: a whole lost page says no more than its first fifty messages. */
const TOLD_OF_A_KIND = 50;

function count(facts: Facts): Counts {
  const messages = [...facts.messages.values()];
  const terms = new Set([...facts.termsSeen.map(({ term }) => term), ...facts.uses.keys()]);
  return {
    posts: facts.posts,
    acknowledged: facts.acknowledgements.length,
    refused: messages.reduce((sum, message) => sum + message.refused, 0),
    unknown: messages.reduce((sum, { posts, acknowledged, refused }) => sum + posts - acknowledged - refused, 0),
    messages: messages.filter((message) => message.acknowledged > 0).length,
    readers: facts.readers.size,
    sightings: [...facts.readers.values()].reduce((sum, reader) => sum + reader.messages.length, 0),
    faults: facts.faults.size,
    terms: terms.size,
  };
}

/** Judges digested facts. */
export function judge(facts: Facts): Verdict {
  const violations: Violation[] = [];
  const totals: Partial<Record<ViolationKind, number>> = {};
  for (const check of [checkDelivery, checkOrder, checkAnswers, checkTerms, checkHealing]) {
    for (const violation of check(facts)) {
      const total = (totals[violation.kind] ?? 0) + 1;
      totals[violation.kind] = total;
      if (total <= TOLD_OF_A_KIND) violations.push(violation);
    }
  }
  return { valid: violations.length === 0, violations, totals, counts: count(facts), gaps: measureGaps(facts) };
}

/** Judges a history given line by line, in the order of the file. */
export function check(history: Iterable<HistoryRecord>): Verdict {
  const digest = createDigest();
  for (const record of history) digest.add(record);
  return judge(digest.facts);
}

/** Judges a history in a file, reading it as a stream. */
export async function checkFile(path: string): Promise<Verdict> {
  const digest = createDigest();
  for await (const record of readHistory(path)) digest.add(record);
  return judge(digest.facts);
}
