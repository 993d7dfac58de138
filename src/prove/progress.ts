import type { Clock } from '../async/clock.ts';
import { longestGap } from './checker/gaps.ts';
import type { FaultListener, StartedFault } from './faults/fault-injector.ts';
import type { Phase } from './load/load.ts';

/** The progress of a run. */
export interface ProveProgress {
  phase: Phase;
  leftMs: number;
  posts: number;
  acknowledged: number;
  faults: number;
  term: number;
  /** The running faults, in words. */
  running: string;
}

/** Receives the progress of a run, for a person who watches it. */
export interface ProveListener {
  /** Shows a sentence about a step, or about a fault and its gap. */
  say(sentence: string): void;
  /** Called about twice a second while the load runs. */
  progress(state: ProveProgress): void;
}

/** Acknowledgements are forgotten after this time, ms: no fault lasts that long. */
const REMEMBERED_MS = 10 * 60_000;
/** A fault without a following acknowledgement is reported after this time, ms. */
const REPORT_AFTER_MS = 20_000;

/** Reports each fault with the gap that it caused, once a post has been acknowledged after it. */
export class LiveGaps implements FaultListener {
  readonly #say: (sentence: string) => void;
  readonly #clock: Clock;
  #times: number[] = [];
  #ended: { fault: StartedFault; at: number }[] = [];
  #running = new Set<StartedFault>();

  constructor(say: (sentence: string) => void, clock: Clock) {
    this.#say = say;
    this.#clock = clock;
  }

  /** The running faults, for the progress line. */
  get running(): string {
    return [...this.#running].map(describeFault).join(', ');
  }

  /** Records an acknowledged post. */
  acknowledged(time: number): void {
    this.#times.push(time);
    if (this.#times.length % 1000 === 0) this.#times = this.#times.filter((one) => one > time - REMEMBERED_MS);
  }

  readonly began = (fault: StartedFault): void => {
    this.#running.add(fault);
  };

  readonly ended = (fault: StartedFault, problem: string | null): void => {
    this.#running.delete(fault);
    if (problem === null) this.#ended.push({ fault, at: this.#clock() });
    else this.#say(`${describeFault(fault)}: ${problem}`);
  };

  /** Reports each fault that has ended, once a post was acknowledged after it or none was for {@link REPORT_AFTER_MS}. */
  update(): void {
    const last = this.#times.at(-1) ?? 0;
    const isDone = ({ at }: { at: number }) => last > at || this.#clock() - at > REPORT_AFTER_MS;
    for (const { fault, at } of this.#ended.filter(isDone)) {
      const { gap } = longestGap(this.#times, fault.began, at);
      this.#say(
        `${describeFault(fault)}: ${gap === null ? 'no post was accepted since' : `gap ${Math.round(gap)} ms`}`,
      );
    }
    this.#ended = this.#ended.filter((one) => !isDone(one));
  }
}

function describeFault({ kind, node, active }: StartedFault): string {
  return node === null ? kind : `${kind} on ${node} (${active ? 'active' : 'standby'})`;
}
