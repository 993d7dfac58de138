import { setTimeout as sleep } from 'node:timers/promises';
import { readIdentity } from '../database/server-facts.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import { runFailoverCommand } from './failover-command.ts';
import type { Fault } from './fault.ts';

/** A command that only requests a failover may return long before it: the run waits this long for another server. */
const CHANGE_TIMEOUT_MS = 45_000;
/** A failover that has begun may take this long. */
const WRITABLE_TIMEOUT_MS = 110_000;
const POLL_MS = 50;

/** Options of {@link failoverFault}. */
export interface FailoverOptions {
  command: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Relative to the other faults. */
  weight: number;
  signal: AbortSignal;
  /** Called with what a reader of the report has to know. */
  remark: (sentence: string) => void;
}

const identity = (rig: NodeRig) => readIdentity((text, values) => rig.observer.query(text, values));

/**
 * The user's command for "fail my primary over now". It is healed when another server, or a restarted one, accepts writes
 * through the address that the nodes use.
 */
export function failoverFault({ command, env, weight, signal, remark }: FailoverOptions): Fault {
  return {
    kind: 'failover command',
    weight,
    affects: ['postgres'],
    durationInLeases: [0.05, 0.1],
    async inject(rig) {
      const before = await identity(rig).catch(() => null);
      const { problem } = await runFailoverCommand(command, env, signal);
      if (problem !== null) {
        remark(problem);
        return null;
      }
      return () => untilReplaced(rig, before?.server ?? null, signal, remark);
    },
  };
}

async function untilReplaced(
  rig: NodeRig,
  before: string | null,
  signal: AbortSignal,
  remark: (sentence: string) => void,
): Promise<void> {
  const began = performance.now();
  let hasFailed = false;
  while (!signal.aborted) {
    const now = await identity(rig).catch(() => null);
    const waitedMs = performance.now() - began;
    hasFailed ||= now === null || !now.isWritable;
    if (now?.isWritable && now.server !== before) return;
    if (!hasFailed && waitedMs > CHANGE_TIMEOUT_MS) {
      remark(
        `the failover command ended, and the same server went on without a restart for ${CHANGE_TIMEOUT_MS / 1000} s`,
      );
      return;
    }
    if (waitedMs > WRITABLE_TIMEOUT_MS) {
      throw new Error(`no server accepted writes within ${WRITABLE_TIMEOUT_MS / 1000} s of the failover command`);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
