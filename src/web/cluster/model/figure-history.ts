import type { ClusterActivity } from '../../../client/index.ts';
import type { NodeActivity } from './api-types.ts';

type Figure = Exclude<keyof NodeActivity, 'node'>;
type Step = Record<Figure, number | null>;

const FIGURES = ['posts_per_second', 'waiters', 'commit_ms', 'delivery_ms'] as const;

/**
 * The figures of each node, by its name, which stay when the page moves to another node: that one knows only what it has read since
 * its own start.
 */
export class FigureHistory {
  readonly #steps = new Map<string, Map<number, Step>>();

  /** Adds a response that was received at `at`, and returns the figures as known by now: null where no node has reported any. */
  add({ step_ms, nodes }: ClusterActivity, at: number): ClusterActivity {
    const now = Math.floor(at / step_ms);
    const length = Math.max(0, ...nodes.map(({ waiters }) => waiters.length));
    for (const node of nodes) this.#addNode(node, now);
    const first = now - length + 1;
    const shown = [...this.#steps].map(([node, steps]): NodeActivity => {
      for (const step of steps.keys()) if (step < first) steps.delete(step);
      const column = (figure: Figure) =>
        Array.from({ length }, (_, index) => steps.get(first + index)?.[figure] ?? null);
      return {
        node,
        posts_per_second: column('posts_per_second'),
        waiters: column('waiters'),
        commit_ms: column('commit_ms'),
        delivery_ms: column('delivery_ms'),
      };
    });
    for (const [node, steps] of this.#steps) if (steps.size === 0) this.#steps.delete(node);
    return { step_ms, nodes: shown.filter(({ node }) => this.#steps.has(node)) };
  }

  #addNode(activity: NodeActivity, now: number): void {
    const steps = this.#steps.get(activity.node) ?? new Map<number, Step>();
    this.#steps.set(activity.node, steps);
    activity.waiters.forEach((waiters, index) => {
      // A node that has just started has read nothing of the time before.
      if (waiters === null) return;
      const step = Object.fromEntries(FIGURES.map((figure) => [figure, activity[figure][index] ?? null])) as Step;
      steps.set(now - activity.waiters.length + 1 + index, step);
    });
  }
}
