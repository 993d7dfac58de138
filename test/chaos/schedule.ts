import { FAULTS, type Fault } from './faults.ts';
import { createRandom, type Random } from './random.ts';

/** One planned fault. The seed decides all of it, except which node is active when the fault begins. */
export interface PlannedFault {
  fault: Fault;
  /** A node by its role, or by its number among all nodes. */
  target: 'active' | number;
  durationMs: number;
  /** Pause before the fault, ms. */
  pauseMs: number;
  /** True if it may begin while the previous fault is active, provided that they affect different components. */
  overlaps: boolean;
  /** Seed of the fault's own random choices: directions, successors. */
  seed: number;
}

/** Options of a schedule. */
export interface ScheduleOptions {
  seed: number;
  nodes: number;
  leaseMs: number;
  /** Kinds to choose from, by part of their name; empty for all. */
  only: readonly string[];
}

/** Time between two faults, ms: short ones hit a recovery, long ones a settled cluster. */
const PAUSE_MS: [number, number] = [50, 3000];
const OVERLAP_PROBABILITY = 0.2;
/** Faults of the active node affect most. */
const ACTIVE_PROBABILITY = 0.6;

function draw(random: Random, faults: readonly Fault[]): Fault {
  let left = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = faults.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return drawn ?? random.pick(faults);
}

/** Yields the faults of a seed without end; the same seed yields the same faults. Throws RangeError if `only` matches none. */
export function* schedule({ seed, nodes, leaseMs, only }: ScheduleOptions): Generator<PlannedFault, never> {
  const random = createRandom(seed);
  const faults = FAULTS.filter(({ kind }) => only.length === 0 || only.some((part) => kind.includes(part)));
  for (;;) {
    const fault = draw(random, faults);
    const [shortest, longest] = fault.leases;
    yield {
      fault,
      target: random.chance(ACTIVE_PROBABILITY) ? 'active' : random.integer(0, nodes - 1),
      durationMs: random.logUniform(shortest * leaseMs, longest * leaseMs),
      pauseMs: random.logUniform(...PAUSE_MS),
      overlaps: random.chance(OVERLAP_PROBABILITY),
      seed: random.integer(0, 2 ** 31),
    };
  }
}
