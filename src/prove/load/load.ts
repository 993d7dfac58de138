import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../random.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { ChatFixture } from './chat-fixture.ts';
import { pinnedReaders } from './pinned-readers.ts';
import type { Reader } from './readers.ts';
import { chatClient, RoamingReader, sendThrough } from './roaming-reader.ts';
import { ClientWriter, KeyWriter, OnceWriter, type WriterOptions } from './writers.ts';

/** The parts of a run under load. */
export type Phase = 'faults' | 'healing' | 'reading to the end';

/** Options of {@link underLoad}. */
export interface LoadOptions {
  rig: NodeRig;
  fixture: ChatFixture;
  seed: number;
  /** Posts per second, all writers together. */
  rate: number;
  phase?: (phase: Phase) => void;
  /** Gives the run up at once: nothing is healed, read to the end or recorded. */
  abandon?: AbortSignal;
}

/** Before the first fault and after the last, the run waits for this many accepted writes, for this many ms at most. */
const WRITES_WITHOUT_FAULTS = 20;
const WRITES_TIMEOUT_MS = 30_000;
/** How long readers have to reach the head of the log after the last write, ms. */
const READERS_TIMEOUT_MS = 60_000;

/**
 * Runs `faults` while writers post to all nodes and readers follow the log on all nodes. Then lets the readers read to the
 * end, and records the database's tables.
 */
export async function underLoad(options: LoadOptions, faults: () => Promise<void>): Promise<void> {
  const { rig, fixture, phase = () => undefined } = options;
  const readers = await startReaders(rig, fixture);
  const stopReading = new AbortController();
  // Each reader adds a listener: this is not a leak.
  setMaxListeners(0, stopReading.signal);
  const reading = Promise.all(readers.map((reader) => reader.run(stopReading.signal)));
  const stopWriting = new AbortController();
  const writing = Promise.all(writers(options, stopWriting.signal).map((writer) => writer.run()));
  const toTheEnd = async () => {
    await waitForWrites(rig);
    phase('faults');
    await faults();
    phase('healing');
    await waitForWrites(rig);
    stopWriting.abort();
    await writing;
    phase('reading to the end');
    await waitForReaders(rig, readers, reading);
    await rig.observer.recordTables();
  };
  try {
    await unlessAborted(options.abandon, toTheEnd());
  } finally {
    stopWriting.abort();
    stopReading.abort();
    await Promise.all([writing, reading]);
  }
}

/** Waits for `work`. @throws the reason of the signal, as soon as it aborts. */
async function unlessAborted(signal: AbortSignal | undefined, work: Promise<void>): Promise<void> {
  if (!signal) return work;
  work.catch(() => undefined);
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', stop));
}

async function startReaders(rig: NodeRig, fixture: ChatFixture): Promise<Reader[]> {
  const pinned = await pinnedReaders(rig, fixture);
  const roaming: Reader[] = [];
  for (const [index, user] of fixture.users.slice(0, 2).entries()) {
    const client = chatClient(rig, user);
    const { cursor } = await client.chats();
    roaming.push(new RoamingReader({ rig, name: `roaming-${index}`, client, fixture, cursor }));
  }
  return [...pinned, ...roaming];
}

function writers({ rig, fixture, rate, seed }: LoadOptions, signal: AbortSignal) {
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
async function waitForWrites(rig: NodeRig): Promise<void> {
  const enough = rig.history.acknowledged + WRITES_WITHOUT_FAULTS;
  const deadline = performance.now() + WRITES_TIMEOUT_MS;
  while (rig.history.acknowledged < enough && performance.now() < deadline) await sleep(20);
}

async function waitForReaders(rig: NodeRig, readers: Reader[], reading: Promise<unknown>): Promise<void> {
  const head = await rig.observer.head();
  for (const reader of readers) reader.finish(head);
  const timeout = new AbortController();
  await Promise.race([
    reading,
    sleep(READERS_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => undefined),
  ]);
  timeout.abort();
}
