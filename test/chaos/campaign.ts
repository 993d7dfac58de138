import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { OneActiveWatch } from '../failure/one-active-watch.ts';
import { type ChatFixture, createFixture } from './chat-fixture.ts';
import type { CheckResult, Violation } from './check-result.ts';
import { checkFile } from './checker.ts';
import { FaultInjector } from './fault-injector.ts';
import { pinnedReaders } from './pinned-readers.ts';
import { createRandom } from './random.ts';
import type { Reader } from './readers.ts';
import { chatClient, RoamingReader, sendThrough } from './roaming-reader.ts';
import { schedule } from './schedule.ts';
import { TestRig } from './test-rig.ts';
import { ClientWriter, KeyWriter, OnceWriter, type WriterOptions } from './writers.ts';

/** Options of a chaos run. */
export interface CampaignOptions {
  /** Folder for the history and the nodes' logs; it is created. */
  folder: string;
  seed: number;
  /** How long faults are injected, ms. */
  durationMs: number;
  /** Continues up to four times as long until this many faults were injected, for a busy machine. Default 0. */
  leastFaults?: number;
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
  phase: 'starting' | 'faults' | 'healing' | 'reading to the end';
  leftMs: number;
  posts: number;
  acknowledged: number;
  faults: number;
  term: number;
}

const WRITERS = 6;
const GROUPS = 3;
const PROGRESS_MS = 500;
/** How often every node is polled for its role, ms. */
const WATCH_MS = 50;
/** Before the first fault and after the last, the run waits for this many accepted writes, for this many ms at most. */
const WRITES_WITHOUT_FAULTS = 20;
const WRITES_TIMEOUT_MS = 30_000;
/** How long readers have to reach the head of the log after the last write, ms. */
const READERS_TIMEOUT_MS = 60_000;

/** Runs a campaign on a new database and checks its history. Stops everything that it has started. */
export async function runCampaign(options: CampaignOptions): Promise<CheckResult> {
  const report = reporter(options);
  let rig: TestRig | null = null;
  let watch: OneActiveWatch | null = null;
  let twoActive: string | null = null;
  try {
    rig = await TestRig.start(options);
    report.watch(rig);
    watch = new OneActiveWatch(
      rig.nodes.map(({ url }) => url),
      WATCH_MS,
    );
    watch.start();
    await campaign(rig, await createFixture(rig, WRITERS, GROUPS), options, report);
  } finally {
    report.stop();
    twoActive = (await watch?.end()) ?? null;
    await rig?.stop();
  }
  const result = await checkFile(rig.history.path);
  if (twoActive === null) return result;
  const violation: Violation = {
    kind: 'two_active',
    sentence: `two nodes were active at the same time: ${twoActive}`,
    messages: [],
  };
  return {
    ...result,
    valid: false,
    violations: [...result.violations, violation],
    totals: { ...result.totals, two_active: 1 },
  };
}

async function campaign(rig: TestRig, fixture: ChatFixture, options: CampaignOptions, report: Reporter): Promise<void> {
  const readers = await startReaders(rig, fixture);
  const stopReading = new AbortController();
  // Each reader adds a listener: this is not a leak.
  setMaxListeners(0, stopReading.signal);
  const reading = Promise.all(readers.map((reader) => reader.run(stopReading.signal)));
  const stopWriting = new AbortController();
  const writing = Promise.all(writers(rig, fixture, options, stopWriting.signal).map((writer) => writer.run()));
  try {
    await waitForWrites(rig);
    report.phase('faults');
    await injectFaults(rig, options, report);
    report.phase('healing');
    await waitForWrites(rig);
    stopWriting.abort();
    await writing;
    report.phase('reading to the end');
    await waitForReaders(rig, readers, reading);
    await rig.observer.recordTables();
  } finally {
    stopWriting.abort();
    stopReading.abort();
    await Promise.all([writing, reading]);
  }
}

async function startReaders(rig: TestRig, fixture: ChatFixture): Promise<Reader[]> {
  const pinned = await pinnedReaders(rig, fixture);
  const roaming: Reader[] = [];
  for (const [index, user] of fixture.users.slice(0, 2).entries()) {
    const client = chatClient(rig, user);
    roaming.push(new RoamingReader(rig, `roaming-${index}`, client, fixture, (await client.chats()).cursor));
  }
  return [...pinned, ...roaming];
}

function writers(rig: TestRig, fixture: ChatFixture, { rate, seed }: CampaignOptions, signal: AbortSignal) {
  const random = createRandom(seed + 1);
  return fixture.users.map((user, index) => {
    const common = { rig, fixture, user, rate: rate / fixture.users.length, signal };
    const named = (name: string): WriterOptions => ({
      ...common,
      name: `${name}-${index}`,
      seed: random.integer(0, 2 ** 31),
    });
    if (index % 3 === 0) return new OnceWriter(named('once'));
    if (index % 3 === 1) return new KeyWriter(named('key'));
    return new ClientWriter(named('client'), sendThrough(chatClient(rig, user)));
  });
}

/** Waits for some more accepted writes. If none are accepted, the checker reports it. */
async function waitForWrites(rig: TestRig): Promise<void> {
  const enough = rig.history.acknowledged + WRITES_WITHOUT_FAULTS;
  const deadline = performance.now() + WRITES_TIMEOUT_MS;
  while (rig.history.acknowledged < enough && performance.now() < deadline) await pause(20);
}

async function injectFaults(rig: TestRig, options: CampaignOptions, report: Reporter): Promise<void> {
  const { durationMs, leastFaults = 0, signal } = options;
  const over = new AbortController();
  const injector = new FaultInjector(rig);
  report.countFaults(() => injector.count);
  const began = performance.now();
  const timer = setInterval(() => {
    const lasted = performance.now() - began;
    const enough = lasted >= durationMs && (injector.count >= leastFaults || lasted >= 4 * durationMs);
    if (enough || signal?.aborted) over.abort();
  }, 50);
  try {
    await injector.run(schedule({ ...options, nodes: rig.nodes.length }), over.signal);
  } finally {
    clearInterval(timer);
  }
}

async function waitForReaders(rig: TestRig, readers: Reader[], reading: Promise<unknown>): Promise<void> {
  const head = await rig.observer.head();
  for (const reader of readers) reader.finish(head);
  const timeout = new AbortController();
  await Promise.race([
    reading,
    pause(READERS_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => undefined),
  ]);
  timeout.abort();
}

interface Reporter {
  phase(phase: Progress['phase']): void;
  watch(rig: TestRig): void;
  countFaults(count: () => number): void;
  stop(): void;
}

function reporter({ progress, durationMs }: CampaignOptions): Reporter {
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
