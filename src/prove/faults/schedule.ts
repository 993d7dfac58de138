import { createRandom, type Random } from '../random.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { Fault } from './fault.ts';

/** One planned fault. The seed decides all of it, except which node is active when the fault begins. */
export interface PlannedFault<Rig extends NodeRig = NodeRig> {
  fault: Fault<Rig>;
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
export interface ScheduleOptions<Rig extends NodeRig = NodeRig> {
  faults: readonly Fault<Rig>[];
  /** True: every fault comes once before any comes twice, and no two overlap in the first round. Default: by weight. */
  inRounds?: boolean;
  /** The first fault of all. */
  first?: Fault<Rig>;
  seed: number;
  nodes: number;
  leaseMs: number;
}

/** Time between two faults, ms: short ones hit a recovery, long ones a settled cluster. */
const PAUSE_MS: [number, number] = [50, 3000];
const OVERLAP_PROBABILITY = 0.2;
/** The probability that a fault hits the active node: these have the most effect. */
const ACTIVE_PROBABILITY = 0.6;

function draw<Rig extends NodeRig>(random: Random, faults: readonly Fault<Rig>[]): Fault<Rig> {
  let left = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  const drawn = faults.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return drawn ?? random.pick(faults);
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(random.integer(0, left.length - 1), 1));
}

/** Returns the faults whose kind contains one of these parts; all if there are none. */
export function faultsNamed<F extends { kind: string }>(faults: readonly F[], parts: readonly string[]): F[] {
  return faults.filter(({ kind }) => parts.length === 0 || parts.some((part) => kind.includes(part)));
}

/** Yields the faults of a seed without end; the same seed yields the same faults. Throws RangeError if there is none. */
export function* schedule<Rig extends NodeRig>(options: ScheduleOptions<Rig>): Generator<PlannedFault<Rig>, never> {
  const { faults, seed, nodes, leaseMs, inRounds = false, first } = options;
  const random = createRandom(seed);
  const round: Fault<Rig>[] = [];
  for (let count = 0; ; count += 1) {
    if (inRounds && round.length === 0) round.push(...shuffled(random, faults));
    const fault = (count === 0 && first) || (round.pop() ?? draw(random, faults));
    const overlaps = random.chance(OVERLAP_PROBABILITY);
    const [shortest, longest] = fault.durationInLeases;
    yield {
      fault,
      target: random.chance(ACTIVE_PROBABILITY) ? 'active' : random.integer(0, nodes - 1),
      durationMs: random.logUniform(shortest * leaseMs, longest * leaseMs),
      pauseMs: random.logUniform(...PAUSE_MS),
      overlaps: overlaps && !(inRounds && count < faults.length),
      seed: random.integer(0, 2 ** 31),
    };
  }
}
