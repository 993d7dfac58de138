import { DATABASE_FAULTS } from './database-faults.ts';
import { NODE_FAULTS } from './node-faults.ts';
import type { Random } from './random.ts';
import type { Rig } from './rig.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** What a fault lays hands on: two that share a thing are never under way together. */
export type Thing = 'postgres' | 'process' | 'link' | 'door';

/** Ends the fault: heals, waits until what was taken down is up again. */
export type Heal = () => Promise<void>;

/** One way to break the cluster. */
export interface Fault {
  kind: string;
  /** How often it is drawn, beside the others' weights. */
  weight: number;
  touches: readonly Thing[];
  /** Shortest and longest, in leases. An instantaneous fault is watched for so long before the next may come. */
  leases: [shortest: number, longest: number];
  /** Brings it about and answers how to end it; null where it cannot be brought about just now and nothing was done. */
  inflict(rig: Rig, target: SupervisedNode, random: Random): Promise<Heal | null>;
}

/** Every fault there is. */
export const FAULTS: readonly Fault[] = [...NODE_FAULTS, ...DATABASE_FAULTS];
