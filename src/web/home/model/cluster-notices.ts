/** What a node is to somebody who looks at the page. */
export type NodeState = 'active' | 'standby' | 'fallen' | 'gone';

/** One node as the page sees it. */
export interface SeenNode {
  name: string;
  url: string;
  state: NodeState;
  /** The term it serves or follows, where it said so. */
  term: number | undefined;
}

/** A sentence for the reader; `trouble` stays until it is over, `calm` may go after a while. */
export interface Report {
  text: string;
  tone: 'calm' | 'trouble';
}

const lost: Record<NodeState, string> = {
  gone: 'is gone',
  fallen: 'was taken out of service',
  standby: 'has handed over',
  active: 'is cut off',
};

/** Follows the cluster from look to look and says in one sentence what has changed for the reader. */
export class DutyReport {
  #before = new Map<string, NodeState>();
  #onDuty: string | undefined;
  #inTrouble = false;

  /** Takes a look at all nodes. Answers with what is new, or undefined. */
  see(nodes: readonly SeenNode[]): Report | undefined {
    const before = this.#before;
    this.#before = new Map(nodes.map(({ name, state }) => [name, state]));
    // Two may say so for the moment of a handover: the higher term is right.
    const active = nodes
      .filter(({ state }) => state === 'active')
      .sort((one, other) => (other.term ?? 0) - (one.term ?? 0))[0];
    if (active === undefined) return this.#nobody(nodes);
    const predecessor = this.#onDuty;
    this.#onDuty = active.name;
    const recovered = this.#inTrouble;
    this.#inTrouble = false;
    if (predecessor !== undefined && predecessor !== active.name) {
      const state = nodes.find(({ name }) => name === predecessor)?.state ?? 'gone';
      return { text: `${predecessor} ${lost[state]}; ${active.name} serves.`, tone: 'calm' };
    }
    if (recovered) return { text: `${active.name} serves again.`, tone: 'calm' };
    return this.#standbys(before, nodes, active.name);
  }

  #nobody(nodes: readonly SeenNode[]): Report | undefined {
    if (nodes.length === 0) return undefined;
    this.#inTrouble = true;
    if (nodes.every(({ state }) => state === 'gone')) {
      return { text: 'No node can be reached. Trying again; what you write is kept.', tone: 'trouble' };
    }
    const state = nodes.find(({ name }) => name === this.#onDuty)?.state;
    const because = this.#onDuty === undefined || state === undefined ? '' : `${this.#onDuty} ${lost[state]}. `;
    return { text: `${because}Waiting for a node to take over; what you write is sent then.`, tone: 'trouble' };
  }

  #standbys(before: ReadonlyMap<string, NodeState>, nodes: readonly SeenNode[], active: string): Report | undefined {
    for (const { name, state } of nodes) {
      const was = before.get(name);
      if (was === undefined || was === state || name === active) continue;
      if (state === 'standby' && was !== 'active') return { text: `${name} is back and stands by.`, tone: 'calm' };
      if (state !== 'standby') return { text: `${name} ${lost[state]}; ${active} serves on.`, tone: 'calm' };
    }
    return undefined;
  }
}
