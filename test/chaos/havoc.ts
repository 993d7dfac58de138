import { setTimeout as pause } from 'node:timers/promises';
import type { Thing } from './faults.ts';
import { createRandom } from './random.ts';
import type { Rig } from './rig.ts';
import type { Planned } from './schedule.ts';
import type { SupervisedNode } from './supervised-node.ts';

/** After the faults of a moment the next ones wait for a write to be accepted, so long at most, ms. */
const RECOVERY_MS = 15_000;
const LOOK_MS = 20;

interface UnderWay {
  things: string[];
  ended: Promise<void>;
}

/** Inflicts the planned faults one after another, and now and then two at once, until its time is over; heals all. */
export class Havoc {
  readonly #rig: Rig;
  readonly #underWay = new Set<UnderWay>();
  #count = 0;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /** How many faults have begun. */
  get count(): number {
    return this.#count;
  }

  /** Runs until the signal; resolves when every fault is healed, or was found to be past healing. */
  async run(plan: Iterable<Planned>, signal: AbortSignal): Promise<void> {
    for (const planned of plan) {
      if (!planned.overlaps) await this.#calm(signal);
      await pause(planned.pauseMs, undefined, { signal }).catch(() => undefined);
      const target = this.#target(planned);
      const things = planned.fault.touches.map((thing) => nameOf(thing, target));
      while (this.#underWay.size > 1 || this.#isHeld(things)) await this.#nextEnd();
      if (signal.aborted) break;
      this.#begin(planned, target, things, signal);
    }
    await Promise.all([...this.#underWay].map(({ ended }) => ended));
  }

  #target({ target }: Planned): SupervisedNode {
    const { active, nodes } = this.#rig;
    const node = target === 'active' ? (active ?? nodes[0]) : nodes[target % nodes.length];
    if (!node) throw new Error('there is no node');
    return node;
  }

  #isHeld(things: string[]): boolean {
    return [...this.#underWay].some((one) => one.things.some((thing) => things.includes(thing)));
  }

  async #nextEnd(): Promise<void> {
    await Promise.race([...this.#underWay].map(({ ended }) => ended));
  }

  /** Waits until nothing is under way and a write was accepted after that. */
  async #calm(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#underWay].map(({ ended }) => ended));
    const { history } = this.#rig;
    const before = history.acknowledged;
    const deadline = performance.now() + RECOVERY_MS;
    while (history.acknowledged === before && performance.now() < deadline && !signal.aborted) await pause(LOOK_MS);
  }

  #begin(planned: Planned, target: SupervisedNode, things: string[], signal: AbortSignal): void {
    this.#count += 1;
    const one: UnderWay = { things, ended: Promise.resolve() };
    one.ended = this.#inflict(planned, target, `fault-${this.#count}`, signal).finally(() =>
      this.#underWay.delete(one),
    );
    // Looked at by `run`; until then a rejection has somebody.
    one.ended.catch(() => undefined);
    this.#underWay.add(one);
  }

  async #inflict(planned: Planned, target: SupervisedNode, name: string, signal: AbortSignal): Promise<void> {
    const { fault, durationMs } = planned;
    const { history } = this.#rig;
    const node = fault.touches.includes('postgres') && !fault.kind.includes('sessions') ? null : target.name;
    const line = { op: 'fault', process: name, node, term: this.#rig.witness.term, kind: fault.kind } as const;
    const detail = `${Math.round(durationMs)} ms`;
    history.record({ ...line, type: 'invoke', detail });
    const heal = await fault.inflict(this.#rig, target, createRandom(planned.seed));
    if (heal === null) {
      history.record({ ...line, type: 'fail', detail: 'could not be brought about' });
      return;
    }
    await pause(durationMs, undefined, { signal }).catch(() => undefined);
    try {
      await heal();
      history.record({ ...line, type: 'ok', detail });
    } catch (error) {
      history.record({ ...line, type: 'unknown', detail: error instanceof Error ? error.message : String(error) });
    }
  }
}

function nameOf(thing: Thing, target: SupervisedNode): string {
  return thing === 'postgres' ? thing : `${thing} ${target.name}`;
}
