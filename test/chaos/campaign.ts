import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { OneActiveWatch } from '../failure/one-active-watch.ts';
import { checkFile } from './checker.ts';
import { type Crowd, gather } from './crowd.ts';
import { Havoc } from './havoc.ts';
import { pinnedReaders } from './pinned-readers.ts';
import { createRandom } from './random.ts';
import type { Reader } from './readers.ts';
import { Rig } from './rig.ts';
import { chatClient, RoamingReader, sendThrough } from './roamers.ts';
import { schedule } from './schedule.ts';
import type { Verdict, Violation } from './verdict.ts';
import { ClientWriter, KeyWriter, OnceWriter, type WriterOptions } from './writers.ts';

/** What a run is told. */
export interface CampaignOptions {
  /** Where the history and the nodes' logs go; made. */
  folder: string;
  seed: number;
  /** How long faults are inflicted, ms. */
  durationMs: number;
  /** Longer than that, up to four times as long, where a busy machine has not come to so many faults. Default 0. */
  leastFaults?: number;
  nodes: number;
  leaseMs: number;
  /** Posts a second of all writers together. */
  rate: number;
  /** Kinds of faults to draw from, by a part of their name; empty for all. */
  only: readonly string[];
  /** Aborting ends the faults early; what there is then is judged all the same. */
  signal?: AbortSignal;
  /** Told about twice a second how things stand. */
  progress?: (state: Progress) => void;
}

/** How a run stands. */
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
/** Every node is asked so often whether it is active, ms. */
const WATCH_MS = 50;
/** Before the first fault and after the last, so many writes are to be accepted, ms for each at most. */
const CALM_WRITES = 20;
const CALM_MS = 30_000;
/** Readers have so long to come to the head of the log after the last write, ms. */
const FOLLOW_MS = 60_000;

/** Runs one campaign from a fresh database to the verdict, and ends everything that it has started. */
export async function runCampaign(options: CampaignOptions): Promise<Verdict> {
  const report = reporter(options);
  let rig: Rig | null = null;
  let watch: OneActiveWatch | null = null;
  let twoActive: string | null = null;
  try {
    rig = await Rig.start(options);
    report.watch(rig);
    watch = new OneActiveWatch(
      rig.nodes.map(({ url }) => url),
      WATCH_MS,
    );
    watch.start();
    await campaign(rig, await gather(rig, WRITERS, GROUPS), options, report);
  } finally {
    report.stop();
    twoActive = (await watch?.end()) ?? null;
    await rig?.stop();
  }
  const verdict = await checkFile(rig.history.path);
  if (twoActive === null) return verdict;
  const violation: Violation = {
    kind: 'two_active',
    sentence: `both said that they were active: ${twoActive}`,
    messages: [],
  };
  return {
    ...verdict,
    valid: false,
    violations: [...verdict.violations, violation],
    totals: { ...verdict.totals, two_active: 1 },
  };
}

async function campaign(rig: Rig, crowd: Crowd, options: CampaignOptions, report: Reporter): Promise<void> {
  const readers = await startReaders(rig, crowd);
  const leaving = new AbortController();
  // Each reader listens to it at least once: that is no leak.
  setMaxListeners(0, leaving.signal);
  const reading = Promise.all(readers.map((reader) => reader.run(leaving.signal)));
  const silence = new AbortController();
  const writing = Promise.all(writers(rig, crowd, options, silence.signal).map((writer) => writer.run()));
  try {
    await calm(rig);
    report.phase('faults');
    await havoc(rig, options, report);
    report.phase('healing');
    await calm(rig);
    silence.abort();
    await writing;
    report.phase('reading to the end');
    await follow(rig, readers, reading);
    await rig.witness.testify();
  } finally {
    silence.abort();
    leaving.abort();
    await Promise.all([writing, reading]);
  }
}

async function startReaders(rig: Rig, crowd: Crowd): Promise<Reader[]> {
  const pinned = await pinnedReaders(rig, crowd);
  const roaming: Reader[] = [];
  for (const [index, user] of crowd.users.slice(0, 2).entries()) {
    const client = chatClient(rig, user);
    roaming.push(new RoamingReader(rig, `roaming-${index}`, client, crowd, (await client.chats()).cursor));
  }
  return [...pinned, ...roaming];
}

function writers(rig: Rig, crowd: Crowd, { rate, seed }: CampaignOptions, signal: AbortSignal) {
  const random = createRandom(seed + 1);
  return crowd.users.map((user, index) => {
    const common = { rig, crowd, user, rate: rate / crowd.users.length, signal };
    const named = (name: string): WriterOptions => ({
      ...common,
      name: `${name}-${index}`,
      seed: random.whole(0, 2 ** 31),
    });
    if (index % 3 === 0) return new OnceWriter(named('once'));
    if (index % 3 === 1) return new KeyWriter(named('key'));
    return new ClientWriter(named('client'), sendThrough(chatClient(rig, user)));
  });
}

/** Waits for some more accepted writes; where none come, the checker will say so. */
async function calm(rig: Rig): Promise<void> {
  const enough = rig.history.acknowledged + CALM_WRITES;
  const deadline = performance.now() + CALM_MS;
  while (rig.history.acknowledged < enough && performance.now() < deadline) await pause(20);
}

async function havoc(rig: Rig, options: CampaignOptions, report: Reporter): Promise<void> {
  const { durationMs, leastFaults = 0, signal } = options;
  const over = new AbortController();
  const havoc = new Havoc(rig);
  report.countFaults(() => havoc.count);
  const began = performance.now();
  const timer = setInterval(() => {
    const lasted = performance.now() - began;
    const enough = lasted >= durationMs && (havoc.count >= leastFaults || lasted >= 4 * durationMs);
    if (enough || signal?.aborted) over.abort();
  }, 50);
  try {
    await havoc.run(schedule({ ...options, nodes: rig.nodes.length }), over.signal);
  } finally {
    clearInterval(timer);
  }
}

async function follow(rig: Rig, readers: Reader[], reading: Promise<unknown>): Promise<void> {
  const head = await rig.witness.head();
  for (const reader of readers) reader.finish(head);
  const late = new AbortController();
  await Promise.race([reading, pause(FOLLOW_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
  late.abort();
}

interface Reporter {
  phase(phase: Progress['phase']): void;
  watch(rig: Rig): void;
  countFaults(count: () => number): void;
  stop(): void;
}

function reporter({ progress, durationMs }: CampaignOptions): Reporter {
  let now: Progress['phase'] = 'starting';
  let began = 0;
  let rig: Rig | null = null;
  let faults = () => 0;
  const tell = () => {
    const leftMs = now === 'faults' ? Math.max(0, began + durationMs - performance.now()) : 0;
    const { posts = 0, acknowledged = 0 } = rig?.history ?? {};
    progress?.({ phase: now, leftMs, posts, acknowledged, faults: faults(), term: rig?.witness.term ?? 0 });
  };
  const timer = setInterval(tell, PROGRESS_MS);
  return {
    phase(phase) {
      now = phase;
      if (phase === 'faults') began = performance.now();
      tell();
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
