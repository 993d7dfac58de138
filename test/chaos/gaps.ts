import type { Facts } from './facts.ts';
import type { FaultGap, Violation } from './verdict.ts';

/** The index of the first entry of a rising list that is above `time`. */
function firstAbove(times: number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? Number.POSITIVE_INFINITY) > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * For each fault the longest time without an acknowledgement that touches it: between the last one before its begin and
 * the first one after its healing. A fault bites some time after it begins (a lease runs out, a queue fills), so the
 * two acknowledgements around the begin alone would show nothing.
 */
export function measureGaps(facts: Facts): FaultGap[] {
  const times = facts.acknowledgements;
  const all = [...facts.faults.values()];
  const end = (one: { healed: number | null }) => one.healed ?? facts.ended;
  return [...facts.faults].map(([fault, { kind, node, began, healed }]) => {
    const others = all.filter((one) => one.began < (healed ?? facts.ended) && end(one) > began);
    const alone = others.length === 1;
    const first = firstAbove(times, began) - 1;
    const last = firstAbove(times, healed ?? facts.ended);
    let worst: FaultGap = { fault, kind, node, began, healed, lastGood: null, firstGood: null, gap: null, alone };
    for (let index = first; index < last; index += 1) {
      const lastGood = times[index] ?? null;
      const firstGood = times[index + 1] ?? null;
      if (firstGood === null) return { ...worst, lastGood, firstGood, gap: null };
      const gap = firstGood - (lastGood ?? 0);
      if (gap > (worst.gap ?? -1)) worst = { ...worst, lastGood, firstGood, gap };
    }
    return worst;
  });
}

/** With nothing broken any more, the service takes writes again within this, ms; its own worst timers add up to less. */
const RECOVERY_LIMIT_MS = 10_000;

/** What is wrong with the time after one fault. */
function trouble({ began, healed }: FaultGap, gaps: FaultGap[], acknowledgements: number[]): string | null {
  if (healed === null) return 'was not ended by the runner';
  const next = acknowledgements[firstAbove(acknowledgements, healed)];
  if (next === undefined) return 'was healed, but no write was accepted any more';
  const meanwhile = gaps.some(
    (other) => other.began !== began && other.began < next && (other.healed ?? next) > healed,
  );
  if (next - healed <= RECOVERY_LIMIT_MS || meanwhile) return null;
  return `was healed, but no write was accepted for ${((next - healed) / 1000).toFixed(1)} s`;
}

/** The service healed by itself: every fault was ended and writes were accepted soon after; and no node died unasked. */
export function* checkHealing(facts: Facts): Generator<Violation> {
  const gaps = measureGaps(facts);
  for (const gap of gaps) {
    const wrong = trouble(gap, gaps, facts.acknowledgements);
    if (wrong === null) continue;
    const what = `${gap.fault} (${gap.kind}${gap.node ? ` on ${gap.node}` : ''}) at ${(gap.began / 1000).toFixed(3)} s`;
    yield { kind: 'not_healed', sentence: `${what} ${wrong}.`, messages: [] };
  }
  for (const { node, time, reason } of facts.deaths) {
    const sentence = `Node ${node} ended by itself at ${(time / 1000).toFixed(3)} s: ${reason}.`;
    yield { kind: 'node_died', sentence, messages: [] };
  }
}
