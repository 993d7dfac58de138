import type { CheckResult } from '../../src/prove/checker/check-result.ts';
import { checkFile } from '../../src/prove/checker/checker.ts';
import { FaultInjector } from '../../src/prove/faults/fault-injector.ts';
import { faultsNamed, schedule } from '../../src/prove/faults/schedule.ts';
import { type ChatFixture, createFixture } from '../../src/prove/load/chat-fixture.ts';
import { type Phase, underLoad } from '../../src/prove/load/load.ts';
import { OneActiveWatch } from '../../src/prove/rig/one-active-watch.ts';
import { CHAOS_FAULTS } from './faults/chaos-faults.ts';
import { TestRig } from './test-rig.ts';

/** Options of a chaos run. */
export interface ChaosOptions {
  /** Folder for the history and the nodes' logs; it is created. */
  folder: string;
  seed: number;
  /** How long faults are injected, ms. */
  durationMs: number;
  /** Continues up to four times as long until this many faults were injected, for a busy machine. Default 0. */
  minFaults?: number;
  nodes: number;
  leaseMs: number;
  /** Posts per second, all writers together. */
  rate: number;
  /** Kinds of faults to choose from, by part of their name; empty for all. */
  only: readonly string[];
  /** Aborting ends the faults early; the history so far is still checked. */
  signal?: AbortSignal;
  /** Called about twice a second. */
  progress?: (state: Progress) => void;
}

/** The progress of a run. */
export interface Progress {
  phase: 'starting' | Phase;
  leftMs: number;
  posts: number;
  acknowledged: number;
  faults: number;
  term: number;
}

const PROGRESS_MS = 500;
/** How often every node is polled for its role, ms. */
const WATCH_MS = 50;

/** Runs random faults on a new database and checks its history. Stops everything that it has started. */
export async function runChaos(options: ChaosOptions): Promise<CheckResult> {
  const report = reporter(options);
  let rig: TestRig | null = null;
  let watch: OneActiveWatch | null = null;
  try {
    rig = await TestRig.start(options);
    report.watch(rig);
    watch = new OneActiveWatch(
      rig.nodes.map(({ url }) => url),
      WATCH_MS,
    );
    watch.start();
    await runFaultsUnderLoad(rig, await createFixture(rig), options, report);
  } finally {
    report.stop();
    rig?.history.recordOverlap((await watch?.end()) ?? null);
    await rig?.stop();
  }
  return checkFile(rig.history.path);
}

async function runFaultsUnderLoad(
  rig: TestRig,
  fixture: ChatFixture,
  options: ChaosOptions,
  report: Reporter,
): Promise<void> {
  await underLoad({ rig, fixture, ...options, phase: report.phase }, () => injectFaults(rig, options, report));
}

async function injectFaults(rig: TestRig, options: ChaosOptions, report: Reporter): Promise<void> {
  const { durationMs, minFaults = 0, signal } = options;
  const over = new AbortController();
  const injector = new FaultInjector(rig);
  report.countFaults(() => injector.count);
  const began = performance.now();
  const timer = setInterval(() => {
    const lasted = performance.now() - began;
    const enough = lasted >= durationMs && (injector.count >= minFaults || lasted >= 4 * durationMs);
    if (enough || signal?.aborted) over.abort();
  }, 50);
  try {
    await injector.run(
      schedule({ ...options, faults: faultsNamed(CHAOS_FAULTS, options.only), nodes: rig.nodes.length }),
      over.signal,
    );
  } finally {
    clearInterval(timer);
  }
}

interface Reporter {
  phase(phase: Phase): void;
  watch(rig: TestRig): void;
  countFaults(count: () => number): void;
  stop(): void;
}

function reporter({ progress, durationMs }: ChaosOptions): Reporter {
  let now: Progress['phase'] = 'starting';
  let began = 0;
  let rig: TestRig | null = null;
  let faults = () => 0;
  const update = () => {
    const leftMs = now === 'faults' ? Math.max(0, began + durationMs - performance.now()) : 0;
    const { posts = 0, acknowledged = 0 } = rig?.history ?? {};
    progress?.({ phase: now, leftMs, posts, acknowledged, faults: faults(), term: rig?.observer.term ?? 0 });
  };
  const timer = setInterval(update, PROGRESS_MS);
  return {
    phase(phase) {
      now = phase;
      if (phase === 'faults') began = performance.now();
      update();
    },
    watch(started) {
      rig = started;
    },
    countFaults(count) {
      faults = count;
    },
    stop: () => clearInterval(timer),
  };
}
