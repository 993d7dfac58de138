import { errorMessage } from '../error-message.ts';
import { failoverFault } from './faults/failover-fault.ts';
import type { Fault } from './faults/fault.ts';
import { FaultInjector } from './faults/fault-injector.ts';
import { FAULTS } from './faults/faults.ts';
import { faultsNamed, schedule } from './faults/schedule.ts';
import { createFixture } from './load/chat-fixture.ts';
import { type Phase, underLoad } from './load/load.ts';
import type { LiveGaps } from './progress.ts';
import { ProveError } from './prove-error.ts';
import type { ProveOptions } from './prove-options.ts';
import type { NodeRig } from './rig/node-rig.ts';
import { OneActiveWatch } from './rig/one-active-watch.ts';

const PROGRESS_MS = 500;
/** How often every node is polled for its role, ms. */
const WATCH_MS = 50;
/** The run is given up if PostgreSQL does not respond for this long, ms. */
const LOST_AFTER_MS = 60_000;
/** A failover of PostgreSQL may take longer. */
const LOST_AFTER_FAILOVER_MS = 150_000;
/** Share of the failover command in all faults. */
const FAILOVER_SHARE = 0.25;

/**
 * Runs writers and readers on the nodes, injects faults, and records everything. Returns why the run did not reach its end, or
 * null if it did.
 */
export async function measureUnderLoad(rig: NodeRig, gaps: LiveGaps, options: ProveOptions): Promise<string | null> {
  const lost = new AbortController();
  const abandon = AbortSignal.any([lost.signal, options.force]);
  const watch = new OneActiveWatch(
    rig.nodes.map(({ url }) => url),
    WATCH_MS,
  );
  const injector = new FaultInjector(rig, gaps);
  let phase: Phase | null = null;
  let began = 0;
  const timer = setInterval(() => {
    const limitMs = options.failoverCommand === null ? LOST_AFTER_MS : LOST_AFTER_FAILOVER_MS;
    if (rig.observer.silentMs > limitMs) {
      lost.abort(new ProveError(`PostgreSQL did not respond for ${limitMs / 1000} s and did not come back`));
    }
    gaps.update();
    if (phase === null) return;
    const leftMs = phase === 'faults' ? Math.max(0, began + options.minutes * 60_000 - performance.now()) : 0;
    const { posts, acknowledged } = rig.history;
    const { term } = rig.observer;
    const counts = { posts, acknowledged, faults: injector.count, term };
    options.listener.progress({ phase, leftMs, ...counts, running: gaps.running });
  }, PROGRESS_MS);
  watch.start();
  try {
    const fixture = await createFixture(rig);
    const enter = (next: Phase) => {
      phase = next;
      began = performance.now();
    };
    await underLoad({ rig, fixture, ...options, phase: enter, abandon }, () =>
      injectFaults(rig, injector, options, abandon),
    );
    return rig.history.acknowledged === 0 ? 'no post was accepted' : null;
  } catch (error) {
    return options.force.aborted ? 'it was stopped by force' : errorMessage(error);
  } finally {
    clearInterval(timer);
    gaps.update();
    rig.history.recordOverlap(await watch.end());
  }
}

async function injectFaults(
  rig: NodeRig,
  injector: FaultInjector<NodeRig>,
  options: ProveOptions,
  abandon: AbortSignal,
): Promise<void> {
  const { seed, leaseMs, minutes, nodes, only, failoverCommand } = options;
  const faults = faultsNamed(FAULTS, only).filter(
    ({ kind }) => process.platform !== 'win32' || !kind.includes('freeze'),
  );
  const failover = failoverCommand === null ? null : createFailover(rig, failoverCommand, options, abandon);
  const times = Math.max(1, Math.round((faults.length * FAILOVER_SHARE) / (1 - FAILOVER_SHARE)));
  if (failover) faults.push(...Array.from({ length: times }, () => failover));
  const over = new AbortController();
  const end = () => over.abort();
  // Not AbortSignal.timeout() within AbortSignal.any(): Node.js may collect it before it fires.
  const timer = setTimeout(end, minutes * 60_000);
  for (const signal of [abandon, options.end]) {
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
  }
  const plan = schedule({ faults, seed, nodes, leaseMs, inRounds: true, ...(failover && { first: failover }) });
  const startedAt = performance.now();
  await injector.run(plan, over.signal).finally(() => clearTimeout(timer));
  // The report may be passed on: it must not claim the planned length.
  if (options.end.aborted && !abandon.aborted) {
    const ran = Math.round((performance.now() - startedAt) / 1000);
    recordRemark(rig, `the run was ended early, after ${ran} s of faults instead of ${Math.round(minutes * 60)} s`);
  }
}

function recordRemark(rig: NodeRig, reason: string): void {
  rig.history.record({ op: 'run', type: 'unknown', process: 'prove', node: null, term: null, reason });
}

function createFailover(rig: NodeRig, command: string, { env, listener }: ProveOptions, signal: AbortSignal): Fault {
  const remark = (reason: string) => {
    listener.say(reason);
    recordRemark(rig, reason);
  };
  return failoverFault({ command, env, weight: 1, signal, remark });
}
