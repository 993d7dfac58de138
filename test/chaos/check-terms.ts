import { type Facts, noteUse, type TermUse } from './facts.ts';
import type { Violation } from './verdict.ts';

/** Owners as the witness saw them, and terms that fell or changed hands before its eyes. */
function* checkSeen(facts: Facts, owners: Map<number, string>): Generator<Violation> {
  const heights = new Map<string, number>();
  for (const { by, time, term, node } of facts.termsSeen) {
    const highest = heights.get(by) ?? 0;
    if (term < highest) {
      const sentence = `At ${(time / 1000).toFixed(3)} s the newest term was ${term}, though it had been ${highest} before.`;
      yield { kind: 'term_fell', sentence, messages: [] };
    }
    heights.set(by, Math.max(highest, term));
    const owner = owners.get(term);
    if (node !== null && owner !== undefined && owner !== node) {
      yield { kind: 'two_writers', sentence: `Term ${term} belonged to ${owner} and then to ${node}.`, messages: [] };
    }
    if (node !== null && owner === undefined) owners.set(term, node);
  }
}

/** Each term was written under by its owner alone. */
function* checkWriters(uses: Map<number, TermUse>, owners: Map<number, string>): Generator<Violation> {
  for (const [term, use] of uses) {
    const [first, ...others] = use.nodes;
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
 * A write is committed somewhere between the begin of its post and its answer. So a post of term N that begins after a
 * post of a later term was answered proves that N still accepted writes when it was closed; posts that overlap prove
 * nothing. The latest begin of N against the earliest answer of all later terms finds it if it is there.
 */
function* checkIntervals(uses: Map<number, TermUse>): Generator<Violation> {
  let earliest: { term: number; use: TermUse } | undefined;
  for (const [term, use] of [...uses].sort(([a], [b]) => b - a)) {
    if (earliest && use.lastBegun > earliest.use.firstDone) {
      const late = `"${use.lastBegunMessage}" was posted at ${(use.lastBegun / 1000).toFixed(3)} s and accepted under term ${term}`;
      const early = `"${earliest.use.firstDoneMessage}" had been accepted under term ${earliest.term} by ${(earliest.use.firstDone / 1000).toFixed(3)} s`;
      const messages = [use.lastBegunMessage, earliest.use.firstDoneMessage];
      yield { kind: 'closed_term_write', sentence: `${late}, but ${early}.`, messages };
    }
    if (!earliest || use.firstDone < earliest.use.firstDone) earliest = { term, use };
  }
}

/** In the order of positions, which is the order of commits, terms never fall. */
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

/** The database's testimony as uses of terms: the first commit of a text lies before its first acknowledgement. */
function usesInTable(facts: Facts): Map<number, TermUse> {
  const uses = new Map<number, TermUse>();
  for (const { value, stored, invokedAt: begun, acknowledgedAt: done } of facts.messages.values()) {
    for (const { term, node } of stored) {
      if (term !== null && Number.isFinite(begun)) noteUse(uses, { term, node, begun, done, value });
    }
  }
  return uses;
}

/** One writer at a time: by what the nodes answered, by what the database stored, and by the table of terms. */
export function* checkTerms(facts: Facts): Generator<Violation> {
  const owners = new Map<number, string>();
  yield* checkSeen(facts, owners);
  for (const uses of [facts.uses, usesInTable(facts)]) {
    yield* checkWriters(uses, owners);
    yield* checkIntervals(uses);
  }
  yield* checkLog(facts);
}
