import { FAULTS, type Fault } from './faults.ts';
import { createRandom, type Random } from './random.ts';

/** One fault to come. The seed decides all of it; whom 'active' means is seen when its time has come. */
export interface Planned {
  fault: Fault;
  /** A node by its role, or by its number among all nodes. */
  target: 'active' | number;
  durationMs: number;
  /** Time before it, ms. */
  pauseMs: number;
  /** It begins while the one before is still under way, where they touch different things. */
  overlaps: boolean;
  /** For what the fault itself draws: directions, successors. */
  seed: number;
}

/** What the schedule depends on beside the seed. */
export interface ScheduleOptions {
  seed: number;
  nodes: number;
  leaseMs: number;
  /** Kinds to draw from, by a part of their name; empty for all. */
  only: readonly string[];
}

/** Time between two faults, ms: from hardly any, so that a recovery is hit, to a calm in which timers fall into step. */
const PAUSE_MS: [number, number] = [50, 3000];
const OVERLAPPING = 0.2;
/** The active has the most to lose. */
const ACTIVE = 0.6;

function draw(random: Random, faults: readonly Fault[]): Fault {
  let left = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = faults.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return drawn ?? random.pick(faults);
}

/** The faults of a seed, without end: the same seed gives the same ones. Throws RangeError when `only` leaves none. */
export function* schedule({ seed, nodes, leaseMs, only }: ScheduleOptions): Generator<Planned, never> {
  const random = createRandom(seed);
  const faults = FAULTS.filter(({ kind }) => only.length === 0 || only.some((part) => kind.includes(part)));
  for (;;) {
    const fault = draw(random, faults);
    const [shortest, longest] = fault.leases;
    yield {
      fault,
      target: random.chance(ACTIVE) ? 'active' : random.whole(0, nodes - 1),
      durationMs: random.spread(shortest * leaseMs, longest * leaseMs),
      pauseMs: random.spread(...PAUSE_MS),
      overlaps: random.chance(OVERLAPPING),
      seed: random.whole(0, 2 ** 31),
    };
  }
}
