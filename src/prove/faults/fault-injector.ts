import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../error-message.ts';
import { createRandom } from '../random.ts';
import type { NodeRig } from '../rig/node-rig.ts';
import type { SupervisedNode } from '../rig/supervised-node.ts';
import type { Component } from './fault.ts';
import type { PlannedFault } from './schedule.ts';

/** A fault that must not overlap waits for an accepted write after the previous ones, for this long at most, ms. */
const RECOVERY_MS = 15_000;
const POLL_MS = 20;

/** A fault that has begun, for the progress of a run. */
export interface StartedFault {
  kind: string;
  /** Null if it concerns PostgreSQL. */
  node: string | null;
  /** True if it hits the active node; null if it concerns PostgreSQL. */
  active: boolean | null;
  durationMs: number;
  /** ms on the clock of the history. */
  began: number;
}

/** Callbacks of a {@link FaultInjector}. */
export interface FaultListener {
  began?: (fault: StartedFault) => void;
  /** `problem` says why the fault could not be injected or healed; null if it was healed. */
  ended?: (fault: StartedFault, problem: string | null) => void;
}

interface ActiveFault {
  components: string[];
  ended: Promise<void>;
}

/** Injects the planned faults one after another, occasionally two at once, until it is stopped. Heals all of them. */
export class FaultInjector<Rig extends NodeRig> {
  readonly #rig: Rig;
  readonly #listener: FaultListener;
  readonly #activeFaults = new Set<ActiveFault>();
  #count = 0;

  constructor(rig: Rig, listener: FaultListener = {}) {
    this.#rig = rig;
    this.#listener = listener;
  }

  /** The number of faults that have begun. */
  get count(): number {
    return this.#count;
  }

  /** Runs until the signal. Resolves when every fault has been healed or its healing has failed. */
  async run(plan: Iterable<PlannedFault<Rig>>, signal: AbortSignal): Promise<void> {
    for (const planned of plan) {
      if (!planned.overlaps) await this.#waitForRecovery(signal);
      await sleep(planned.pauseMs, undefined, { signal }).catch(() => undefined);
      const target = this.#target(planned);
      const components = planned.fault.affects.map((component) => componentName(component, target));
      while (this.#activeFaults.size > 1 || this.#isAffected(components)) await this.#nextEnd();
      if (signal.aborted) break;
      this.#begin(planned, target, components, signal);
    }
    await Promise.all([...this.#activeFaults].map(({ ended }) => ended));
  }

  #target({ target }: PlannedFault<Rig>): SupervisedNode {
    const { active, nodes } = this.#rig;
    const node = target === 'active' ? (active ?? nodes[0]) : nodes[target % nodes.length];
    if (!node) throw new Error('there is no node');
    return node;
  }

  #isAffected(components: string[]): boolean {
    return [...this.#activeFaults].some((one) => one.components.some((component) => components.includes(component)));
  }

  async #nextEnd(): Promise<void> {
    await Promise.race([...this.#activeFaults].map(({ ended }) => ended));
  }

  /** Waits until no fault is active and a write has been accepted since. */
  async #waitForRecovery(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#activeFaults].map(({ ended }) => ended));
    const { history } = this.#rig;
    const before = history.acknowledged;
    const deadline = performance.now() + RECOVERY_MS;
    while (history.acknowledged === before && performance.now() < deadline && !signal.aborted) await sleep(POLL_MS);
  }

  #begin(planned: PlannedFault<Rig>, target: SupervisedNode, components: string[], signal: AbortSignal): void {
    this.#count += 1;
    const one: ActiveFault = { components, ended: Promise.resolve() };
    one.ended = this.#inject(planned, target, `fault-${this.#count}`, signal).finally(() =>
      this.#activeFaults.delete(one),
    );
    // `run` awaits it. Until then this prevents an unhandled rejection.
    one.ended.catch(() => undefined);
    this.#activeFaults.add(one);
  }

  async #inject(planned: PlannedFault<Rig>, target: SupervisedNode, name: string, signal: AbortSignal): Promise<void> {
    const { fault, durationMs } = planned;
    const { history } = this.#rig;
    const isOfNode = fault.isOfNode ?? !fault.affects.includes('postgres');
    const node = isOfNode ? target.name : null;
    const line = { op: 'fault', process: name, node, term: this.#rig.observer.term, kind: fault.kind } as const;
    const detail = `${Math.round(durationMs)} ms`;
    const active = node === null ? null : this.#rig.active === target;
    const began = history.record({ ...line, type: 'invoke', detail, ...(active === null ? {} : { active }) });
    const started = { kind: fault.kind, node, active, durationMs, began };
    this.#listener.began?.(started);
    const heal = await fault.inject(this.#rig, target, createRandom(planned.seed));
    if (heal === null) {
      history.record({ ...line, type: 'fail', detail: 'could not be injected' });
      this.#listener.ended?.(started, 'could not be injected');
      return;
    }
    await sleep(durationMs, undefined, { signal }).catch(() => undefined);
    try {
      await heal();
      history.record({ ...line, type: 'ok', detail });
      this.#listener.ended?.(started, null);
    } catch (error) {
      history.record({ ...line, type: 'unknown', detail: errorMessage(error) });
      this.#listener.ended?.(started, errorMessage(error));
    }
  }
}

function componentName(component: Component, target: SupervisedNode): string {
  return component === 'postgres' ? component : `${component} ${target.name}`;
}
