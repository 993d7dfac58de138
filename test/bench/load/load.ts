import { BenchProcess } from '../common/process.ts';
import type {
  DeliveryResult,
  DeliverySpec,
  DriveResult,
  DriveSpec,
  ParkSpec,
  WakeResult,
  WakeSpec,
} from './requests.ts';

/** Above this utilisation the load generator may be the bottleneck. */
const MAX_BUSY = 0.9;

/** Controls the load generator, one command at a time. */
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

  deliveryLoad(spec: DeliverySpec): Promise<DeliveryResult> {
    return this.#measured(this.#process.ask('deliveryLoad', spec));
  }

  /** Opens one connection per poll and sends the preparatory requests. */
  async open(spec: ParkSpec): Promise<void> {
    await this.#process.ask('open', spec);
  }

  /** Sends every poll, and resolves when `waiting` counts all of them. */
  async park(count: number, waiting: () => Promise<number>): Promise<void> {
    await this.#process.ask('park');
    await this.untilSettled(count, waiting);
    // The last reads and timers of this end before the wake-up is measured.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  /** Resolves when `count` polls wait. @throws after a minute. */
  async untilSettled(count: number, waiting: () => Promise<number>): Promise<void> {
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

  /** Returns a remark if the load generator was the bottleneck at some time, else null. */
  get remark(): string | null {
    if (this.#busiest < MAX_BUSY) return null;
    const percent = Math.round(100 * this.#busiest);
    return `the load generator was busy ${percent} % of the time at its busiest: the fastest figures may be its own`;
  }

  async #measured<Result extends { busy: number }>(asked: Promise<Result>): Promise<Result> {
    const result = await asked;
    this.#busiest = Math.max(this.#busiest, result.busy);
    return result;
  }
}
