import { BenchProcess } from '../common/process.ts';
import type { CarryResult, CarrySpec, DriveResult, DriveSpec, ParkSpec, WakeResult, WakeSpec } from './requests.ts';

/** Above this share of busy time the load generator may be what is measured. */
const MOST_BUSY = 0.9;

/** The load generator, seen from the bench. One thing at a time. */
export class Load {
  readonly #process: BenchProcess;
  #busiest = 0;

  private constructor(process: BenchProcess) {
    this.#process = process;
  }

  static async start(): Promise<Load> {
    return new Load(await BenchProcess.start({ program: 'test/bench/load/load-process.ts' }));
  }

  drive(spec: DriveSpec): Promise<DriveResult> {
    return this.#measured(this.#process.ask('drive', spec));
  }

  carry(spec: CarrySpec): Promise<CarryResult> {
    return this.#measured(this.#process.ask('carry', spec));
  }

  /** Opens one connection a poll and does what comes before the polls. */
  async open(spec: ParkSpec): Promise<void> {
    await this.#process.ask('open', spec);
  }

  /** Sends every poll, and resolves when `waiting` says that all of them wait. */
  async park(count: number, waiting: () => Promise<number>): Promise<void> {
    await this.#process.ask('park');
    await this.settled(count, waiting);
    // The traces of parking (the last reads and timers) are done with before the wake-up is measured.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  /** Resolves when `count` polls wait. @throws where a minute is not enough. */
  async settled(count: number, waiting: () => Promise<number>): Promise<void> {
    const until = performance.now() + 60_000;
    for (let now = await waiting(); now !== count; now = await waiting()) {
      const early = await this.#process.ask<string | null | undefined>('early');
      if (early) throw new Error(early);
      if (performance.now() > until) throw new Error(`${now} of ${count} polls wait after a minute`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  wake(spec: WakeSpec): Promise<WakeResult> {
    return this.#measured(this.#process.ask('wake', spec));
  }

  async close(): Promise<void> {
    await this.#process.ask('close');
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  /** A remark where the load generator was the bottleneck at some time, or null. */
  get remark(): string | null {
    if (this.#busiest < MOST_BUSY) return null;
    const percent = Math.round(100 * this.#busiest);
    return `the load generator was busy ${percent} % of the time at its busiest: the fastest figures may be its own`;
  }

  async #measured<Result extends { busy: number }>(asked: Promise<Result>): Promise<Result> {
    const result = await asked;
    this.#busiest = Math.max(this.#busiest, result.busy);
    return result;
  }
}
