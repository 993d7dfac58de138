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
  return [...facts.faults].map(([fault, { kind, node, began, healed }]) => {
    const first = firstAbove(times, began) - 1;
    const last = firstAbove(times, healed ?? facts.ended);
    let worst: FaultGap = { fault, kind, node, began, healed, lastGood: null, firstGood: null, gap: null };
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

/** The service healed by itself: every fault was ended and a write was accepted after it; and no node died unasked. */
export function* checkHealing(facts: Facts): Generator<Violation> {
  for (const [fault, { kind, node, healed }] of facts.faults) {
    const what = `${fault} (${kind}${node ? ` on ${node}` : ''})`;
    if (healed === null) yield { kind: 'not_healed', sentence: `The runner did not end ${what}.`, messages: [] };
    else if ((facts.acknowledgements.at(-1) ?? -1) < healed) {
      const sentence = `No write was accepted any more after ${what} was healed at ${(healed / 1000).toFixed(3)} s.`;
      yield { kind: 'not_healed', sentence, messages: [] };
    }
  }
  for (const { node, time, reason } of facts.deaths) {
    const sentence = `Node ${node} ended by itself at ${(time / 1000).toFixed(3)} s: ${reason}.`;
    yield { kind: 'node_died', sentence, messages: [] };
  }
}
