import type { Violation } from './check-result.ts';
import { addWrite, type Facts, type TermWrites } from './facts.ts';

/** Collects the observed owners of terms, and checks that terms never decreased or changed their owner. */
function* checkSeen(facts: Facts, owners: Map<number, string>): Generator<Violation> {
  const heights = new Map<string, number>();
  for (const { by, time, term, node } of facts.termsSeen) {
    const highest = heights.get(by) ?? 0;
    if (term < highest) {
      const sentence = `At ${(time / 1000).toFixed(3)} s the newest term was ${term}, although it had been ${highest} before.`;
      yield { kind: 'term_decreased', sentence, messages: [] };
    }
    heights.set(by, Math.max(highest, term));
    const owner = owners.get(term);
    if (node !== null && owner !== undefined && owner !== node) {
      yield { kind: 'two_writers', sentence: `Term ${term} belonged to ${owner} and then to ${node}.`, messages: [] };
    }
    if (node !== null && owner === undefined) owners.set(term, node);
  }
}

/** Checks that only the owner of a term wrote in it. */
function* checkWriters(writesByTerm: Map<number, TermWrites>, owners: Map<number, string>): Generator<Violation> {
  for (const [term, writes] of writesByTerm) {
    const [first, ...others] = writes.nodes;
    if (!first) continue;
    for (const other of others) {
      const sentence = `In term ${term} both ${first[0]} ("${first[1]}") and ${other[0]} ("${other[1]}") had writes accepted.`;
      yield { kind: 'two_writers', sentence, messages: [first[1], other[1]] };
    }
    const owner = owners.get(term);
    if (others.length === 0 && owner !== undefined && owner !== first[0]) {
      const sentence = `Term ${term} was ${owner}'s, but ${first[0]} had a write accepted in it ("${first[1]}").`;
      yield { kind: 'two_writers', sentence, messages: [first[1]] };
    }
  }
}

/**
 * Checks that no term accepted writes after a later term had. A write is committed between the start of its post and its
 * acknowledgement. So a post in term N that begins after a post in a later term was acknowledged proves that N accepted
 * writes after it was closed; posts that overlap prove nothing. Comparing the latest start in N with the earliest
 * acknowledgement in all later terms finds every case.
 */
function* checkIntervals(writesByTerm: Map<number, TermWrites>): Generator<Violation> {
  let earliest: { term: number; writes: TermWrites } | undefined;
  for (const [term, writes] of [...writesByTerm].sort(([a], [b]) => b - a)) {
    if (earliest && writes.lastBegun > earliest.writes.firstDone) {
      const late = `"${writes.lastBegunMessage}" was posted at ${(writes.lastBegun / 1000).toFixed(3)} s and accepted under term ${term}`;
      const early = `"${earliest.writes.firstDoneMessage}" had been accepted under term ${earliest.term} by ${(earliest.writes.firstDone / 1000).toFixed(3)} s`;
      const messages = [writes.lastBegunMessage, earliest.writes.firstDoneMessage];
      yield { kind: 'closed_term_write', sentence: `${late}, but ${early}.`, messages };
    }
    if (!earliest || writes.firstDone < earliest.writes.firstDone) earliest = { term, writes };
  }
}

/** Checks that terms never decrease in the order of positions, which is the order of commits. */
function* checkLog(facts: Facts): Generator<Violation> {
  const rows = [...facts.messages.values()].flatMap(({ value, stored }) => stored.map((row) => ({ ...row, value })));
  rows.sort((a, b) => a.position - b.position);
  let highest: (typeof rows)[number] | undefined;
  for (const row of rows) {
    if (row.term === null) continue;
    if (highest && row.term < (highest.term ?? 0)) {
      const sentence = `"${row.value}" was committed under term ${row.term}, after "${highest.value}" under term ${highest.term}.`;
      yield { kind: 'closed_term_write', sentence, messages: [highest.value, row.value] };
    }
    if (!highest || row.term > (highest.term ?? 0)) highest = row;
  }
}

/** Returns the stored messages as writes by term: a message was committed before its first acknowledgement. */
function writesInTable(facts: Facts): Map<number, TermWrites> {
  const writes = new Map<number, TermWrites>();
  for (const { value, stored, invokedAt: begun, acknowledgedAt: done } of facts.messages.values()) {
    for (const { term, node } of stored) {
      if (term !== null && Number.isFinite(begun)) addWrite(writes, { term, node, begun, done, value });
    }
  }
  return writes;
}

/** Checks that one node wrote at a time, by the responses of the nodes, by the stored messages, and by the table of terms. */
export function* checkTerms(facts: Facts): Generator<Violation> {
  const owners = new Map<number, string>();
  yield* checkSeen(facts, owners);
  for (const writes of [facts.writesByTerm, writesInTable(facts)]) {
    yield* checkWriters(writes, owners);
    yield* checkIntervals(writes);
  }
  yield* checkLog(facts);
  for (const overlap of facts.overlaps) {
    const sentence = `Two nodes were active at the same time: ${overlap}.`;
    yield { kind: 'two_active', sentence, messages: [] };
  }
}
