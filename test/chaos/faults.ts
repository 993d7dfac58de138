import { DATABASE_FAULTS } from './database-faults.ts';
import { NODE_FAULTS } from './node-faults.ts';
import type { Random } from './random.ts';
import type { SupervisedNode } from './supervised-node.ts';
import type { TestRig } from './test-rig.ts';

/** A component that a fault affects. Two faults on the same component are never active at the same time. */
export type Component = 'postgres' | 'process' | 'database link' | 'peer link';

/** Heals a fault and waits until the affected component is up again. */
export type Heal = () => Promise<void>;

/** One kind of fault. */
export interface Fault {
  kind: string;
  /** How often it is chosen, relative to the other weights. */
  weight: number;
  affects: readonly Component[];
  /** Shortest and longest duration, in leases. After an instantaneous fault, the time before the next one. */
  leases: [shortest: number, longest: number];
  /** Injects the fault and returns how to heal it; null if it is not possible now and nothing was changed. */
  inject(rig: TestRig, target: SupervisedNode, random: Random): Promise<Heal | null>;
}

/** All faults. */
export const FAULTS: readonly Fault[] = [...NODE_FAULTS, ...DATABASE_FAULTS];
