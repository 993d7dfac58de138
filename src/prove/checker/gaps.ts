import type { FaultGap, Violation } from './check-result.ts';
import type { Facts } from './facts.ts';

/** Returns the index of the first entry of an ascending list that is above `time`. */
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
 * Returns for each fault the longest time without an acknowledgement, from the last one before it began to the first one
 * after it was healed. A fault takes effect some time after it begins (a lease expires, a queue fills), so the two
 * acknowledgements around its start are not enough.
 */
export function measureGaps(facts: Facts): FaultGap[] {
  const times = facts.acknowledgementTimes;
  const all = [...facts.faults.values()];
  return [...facts.faults].map(([fault, { kind, node, active, began, healed }]) => {
    const ended = healed ?? facts.ended;
    const others = all.filter((other) => other.began < ended && (other.healed ?? facts.ended) > began);
    const next = times[firstAbove(times, ended)];
    const recovery = healed === null || next === undefined ? null : next - healed;
    const alone = others.length === 1;
    return { fault, kind, node, active, began, healed, ...longestGap(times, began, ended), recovery, alone };
  });
}

/** Returns the longest time between two of `times`, from the last one before `began` to the first one after `ended`. */
export function longestGap(
  times: number[],
  began: number,
  ended: number,
): Pick<FaultGap, 'lastGood' | 'firstGood' | 'gap'> {
  const last = firstAbove(times, ended);
  let worst: Pick<FaultGap, 'lastGood' | 'firstGood' | 'gap'> = { lastGood: null, firstGood: null, gap: null };
  for (let index = firstAbove(times, began) - 1; index < last; index += 1) {
    const lastGood = times[index] ?? null;
    const firstGood = times[index + 1] ?? null;
    if (firstGood === null) return { lastGood, firstGood, gap: null };
    const gap = firstGood - (lastGood ?? 0);
    if (gap > (worst.gap ?? -1)) worst = { lastGood, firstGood, gap };
  }
  return worst;
}

/** Without a fault the service accepts writes again within this time, ms; its own worst timers add up to less. */
const RECOVERY_LIMIT_MS = 10_000;

/** Returns what is wrong with the recovery after a fault, or null. */
function problemAfter({ began, healed, recovery }: FaultGap, gaps: FaultGap[]): string | null {
  if (healed === null) return 'was not healed';
  if (recovery === null) return 'was healed, but no write was accepted after it';
  const next = healed + recovery;
  const meanwhile = gaps.some(
    (other) => other.began !== began && other.began < next && (other.healed ?? next) > healed,
  );
  if (recovery <= RECOVERY_LIMIT_MS || meanwhile) return null;
  return `was healed, but no write was accepted for ${(recovery / 1000).toFixed(1)} s`;
}

/** Checks that every fault was healed, that writes were accepted soon after, and that no node exited without a request. */
export function* checkRecovery(facts: Facts): Generator<Violation> {
  const gaps = measureGaps(facts);
  for (const gap of gaps) {
    const wrong = problemAfter(gap, gaps);
    if (wrong === null) continue;
    const why = facts.faults.get(gap.fault)?.problem;
    const what = `${gap.fault} (${gap.kind}${gap.node ? ` on ${gap.node}` : ''}) at ${(gap.began / 1000).toFixed(3)} s`;
    yield { kind: 'not_healed', sentence: `${what} ${wrong}${why ? ` (${why})` : ''}.`, messages: [] };
  }
  for (const { node, time, reason } of facts.deaths) {
    const sentence = `Node ${node} exited at ${(time / 1000).toFixed(3)} s: ${reason}.`;
    yield { kind: 'node_exited', sentence, messages: [] };
  }
}
