import type { Fault } from '../../../src/prove/faults/fault.ts';
import { FAULTS } from '../../../src/prove/faults/faults.ts';
import type { TestRig } from '../test-rig.ts';
import { HINT_FAULTS } from './hint-faults.ts';
import { ROW_FAULTS } from './row-faults.ts';
import { SERVER_FAULTS } from './server-faults.ts';
import { SETTINGS_FAULTS } from './settings-faults.ts';
import { SOCKET_FAULTS } from './socket-faults.ts';
import { TRANSACTION_FAULTS } from './transaction-faults.ts';

/** All faults of the chaos run. */
export const CHAOS_FAULTS: readonly Fault<TestRig>[] = [
  ...FAULTS,
  ...SERVER_FAULTS,
  ...SETTINGS_FAULTS,
  ...ROW_FAULTS,
  ...TRANSACTION_FAULTS,
  ...HINT_FAULTS,
  ...SOCKET_FAULTS,
];
