import type { Fault } from './fault.ts';
import { LINK_FAULTS } from './link-faults.ts';
import { NODE_FAULTS } from './node-faults.ts';
import { SESSION_FAULTS } from './session-faults.ts';

/** The faults that need no control over the PostgreSQL server. */
export const FAULTS: readonly Fault[] = [...NODE_FAULTS, ...SESSION_FAULTS, ...LINK_FAULTS];
