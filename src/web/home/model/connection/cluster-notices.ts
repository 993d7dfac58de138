import { untilTime } from '../../../i18n/dates.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { nodeTime } from '../../../shared/node-time.ts';
import { type NoticeContent, notice } from '../notices.ts';

/** The state of a node as the page shows it. */
export type ShownState = 'active' | 'standby' | 'fallen' | 'unreachable';

/** One node as the page sees it. */
export interface ClusterNode {
  name: string;
  url: string;
  state: ShownState;
  /** The term it serves or follows, if it reported one. */
  term: number | undefined;
  /** When the pause of failover that it reported ends; undefined if it reported none. */
  pausedUntil?: string | undefined;
  /** The node that it reported as active; undefined if it reported none. */
  activeNode?: string | undefined;
}

/** Returns true if a node is active, or a standby names one: the address of a proxy may lead to a standby, which forwards writes. */
export function hasActive(nodes: readonly ClusterNode[]): boolean {
  const stateOf = (name: string) => nodes.find((node) => node.name === name)?.state ?? 'unreachable';
  return nodes.some(
    ({ state, activeNode }) =>
      state === 'active' ||
      // The page's own observation of a node is newer than the report of another node.
      (state === 'standby' && activeNode !== undefined && stateOf(activeNode) === 'unreachable'),
  );
}

/** Returns when the pause of failover ends; undefined if no node reports one. A node may learn of it later than the others. */
export function pauseEnd(nodes: readonly ClusterNode[]): Date | undefined {
  const ends = nodes.flatMap(({ state, pausedUntil }) =>
    state === 'unreachable' || pausedUntil === undefined ? [] : [Date.parse(pausedUntil)],
  );
  return ends.length === 0 ? undefined : new Date(Math.max(...ends));
}

/** Compares successive states of the cluster and describes each change in one sentence. */
export class ClusterNotices {
  #before = new Map<string, ShownState>();
  #active: string | undefined;
  /** The warning that was given; undefined while a node is active. */
  #warning: NoticeContent | undefined;
  /** True if this page has lost its connection since a node was active: the cluster may have been fine. */
  #isCutOff = false;

  /** Takes the current state of all nodes. Returns the notice to show, or undefined if nothing has changed; `info` ends an earlier warning. */
  update(nodes: readonly ClusterNode[]): NoticeContent | undefined {
    const before = this.#before;
    this.#before = new Map(nodes.map(({ name, state }) => [name, state]));
    // During a handover two nodes may report that they are active: the higher term is current.
    const active = nodes
      .filter(({ state }) => state === 'active')
      .sort((one, other) => (other.term ?? 0) - (one.term ?? 0))[0];
    if (active === undefined) {
      // A page that has seen no active node yet may never see it: its only way to the cluster is then a standby.
      const isBehindStandby = this.#active === undefined && hasActive(nodes);
      return isBehindStandby ? this.#reached() : this.#noneActive(nodes);
    }
    const predecessor = this.#active;
    this.#active = active.name;
    const recovered = this.#warning !== undefined;
    const wasCutOff = this.#isCutOff;
    this.#warning = undefined;
    this.#isCutOff = false;
    if (predecessor !== undefined && predecessor !== active.name) {
      const state = nodes.find(({ name }) => name === predecessor)?.state ?? 'unreachable';
      return info(({ lost, nowActive }) => `${lost[state](predecessor)}; ${nowActive(active.name)}`);
    }
    if (recovered) return info((t) => (wasCutOff ? t.connectedAgain : t.activeAgain(active.name)));
    return this.#standbys(before, nodes, active.name);
  }

  /** Returns the notice when the page reaches the active node through a standby. */
  #reached(): NoticeContent | undefined {
    const recovered = this.#warning !== undefined;
    this.#warning = undefined;
    this.#isCutOff = false;
    return recovered ? info((t) => t.connectedAgain) : undefined;
  }

  #noneActive(nodes: readonly ClusterNode[]): NoticeContent | undefined {
    if (nodes.length === 0) return undefined;
    const isCutOff = nodes.every(({ state }) => state === 'unreachable');
    this.#isCutOff ||= isCutOff;
    const warning = notice(isCutOff ? () => chatTexts().cannotConnect : this.#waiting(nodes), 'warning');
    // Showing it again would hide a newer notice.
    if (warning.text === this.#warning?.text) return undefined;
    this.#warning = warning;
    return warning;
  }

  #waiting(nodes: readonly ClusterNode[]): () => string {
    const pausedUntil = pauseEnd(nodes);
    // Nothing has failed, and no node takes over during a pause: the names of nodes would not help a user.
    if (pausedUntil !== undefined) {
      const mayRead = nodes.some(({ state }) => state === 'standby');
      return () => chatTexts().maintenance(untilTime(pausedUntil, nodeTime()), mayRead);
    }
    const active = this.#active;
    const state = nodes.find(({ name }) => name === active)?.state;
    return () => {
      const t = chatTexts();
      const because = active === undefined || state === undefined ? '' : `${t.lost[state](active)}. `;
      return because + t.waitingForService;
    };
  }

  #standbys(
    before: ReadonlyMap<string, ShownState>,
    nodes: readonly ClusterNode[],
    active: string,
  ): NoticeContent | undefined {
    for (const { name, state } of nodes) {
      const was = before.get(name);
      if (was === undefined || was === state || name === active) continue;
      if (state === 'standby' && was !== 'active') return info((t) => t.backAsStandby(name));
      if (state !== 'standby') return info(({ lost, stillActive }) => `${lost[state](name)}; ${stillActive(active)}`);
    }
    return undefined;
  }
}

function info(text: (texts: ReturnType<typeof chatTexts>) => string): NoticeContent {
  return notice(() => text(chatTexts()), 'info');
}
