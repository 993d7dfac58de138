import type { Violation } from './check-result.ts';
import type { Acknowledgement, Facts } from './facts.ts';

/**
 * Returns true if a position of an epoch is part of the newest history: no later epoch began before it. Nodes refuse cursors by
 * the same rule (src/events/cursor.ts); the checker has its own copy, so that it does not share their faults.
 */
function survives({ epochs }: Facts, epoch: string | null, position: number): boolean {
  if (epochs.length === 0 || epoch === null) return true;
  const at = epochs.findIndex((one) => one.epoch === epoch);
  return at >= 0 && epochs.slice(at + 1).every(({ after }) => position <= after);
}

/**
 * Separates the lost events from the others: those of an earlier epoch after the position at which a later epoch began. PostgreSQL
 * failed over to a standby that had not received them. Use it only for a run in which that may happen. Acknowledgements of lost events prove
 * nothing about the history that survived, nor do terms that an observer saw in the history that was lost.
 */
export function separateLostEvents(facts: Facts): void {
  // Within one epoch nothing is lost.
  if (facts.epochs.length < 2) return;
  for (const message of facts.messages.values()) {
    const isKept = ({ epoch, position }: Acknowledgement) => survives(facts, epoch, position);
    const kept = message.acknowledgements.filter(isKept);
    message.lost = message.acknowledgements.filter((one) => !isKept(one));
    if (message.lost.length === 0) continue;
    message.acknowledgements = kept;
    if (kept.length === 0) message.acknowledged = 0;
    message.acknowledgedAt = Math.min(...kept.map(({ time }) => time), Number.POSITIVE_INFINITY);
  }
  facts.accepted = facts.accepted.filter(({ epoch = null, position = 0 }) => survives(facts, epoch, position));
  facts.termsSeen = facts.termsSeen.filter(({ by }) => by === 'table');
}

/** Returns the number of messages that were acknowledged and lost for good: no retry has stored them again. */
export function countLost(facts: Facts): number {
  const messages = [...facts.messages.values()];
  return messages.filter(
    ({ lost, acknowledged, stored }) => lost.length > 0 && acknowledged === 0 && stored.length === 0,
  ).length;
}

/** Checks that what the epochs report as lost is not in the table, and was not promised to be replicated. */
export function* checkLostEvents(facts: Facts): Generator<Violation> {
  for (const { value, lost, stored } of facts.messages.values()) {
    for (const { epoch, position, message, durable } of lost) {
      if (durable === 'replicated') {
        const sentence = `"${value}" at ${epoch}-${position} was acknowledged as replicated, but a failover lost it.`;
        yield { kind: 'broken_acknowledgement', sentence, messages: [value] };
      }
      if (!stored.some((row) => row.position === position && row.message === message)) continue;
      const sentence = `The epochs report that "${value}" at ${epoch}-${position} was lost, but the table contains it.`;
      yield { kind: 'false_loss_report', sentence, messages: [value] };
    }
  }
}

/** Checks that each refused cursor was that of a lost event. */
export function* checkRefusals(facts: Facts, mayLose: boolean): Generator<Violation> {
  for (const { name, refusals } of facts.readers.values()) {
    for (const { cursor, reason } of refusals) {
      const dash = cursor?.lastIndexOf('-') ?? -1;
      const isLost =
        mayLose && cursor !== null && !survives(facts, cursor.slice(0, dash), Number(cursor.slice(dash + 1)));
      if (isLost) continue;
      const sentence = `The cursor ${cursor ?? ''} of reader ${name} was refused: ${reason}.`;
      yield { kind: 'cursor_refused', sentence, messages: [] };
    }
  }
}
