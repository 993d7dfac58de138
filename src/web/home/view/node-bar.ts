import type { ClusterNode } from '../model/cluster-notices.ts';
import { createElement, elementById, setChildren } from './elements.ts';

interface Chip {
  item: HTMLLIElement;
  state: HTMLSpanElement;
  term: HTMLSpanElement;
}

/** The bar with one chip per node. Each shows its state in words as well as by shape and colour. */
export class NodeBar {
  readonly #list = elementById('nodes', HTMLUListElement);
  readonly #chips = new Map<string, Chip>();

  /** Shows the nodes. `connected` is the name of the node that serves this page's event stream. */
  show(nodes: readonly ClusterNode[], connected: string | undefined): void {
    setChildren(
      this.#list,
      nodes.map((node) => this.#render(node, node.name === connected && node.state !== 'unreachable')),
    );
  }

  #render({ name, url, state, term }: ClusterNode, isConnected: boolean): HTMLLIElement {
    const chip = this.#chips.get(name) ?? this.#create(name);
    const inTerm = state === 'active' && term !== undefined ? `term ${term}` : '';
    chip.item.className = isConnected ? `${state} connected` : state;
    chip.item.title = [url, inTerm, isConnected ? 'you are connected to this node' : '']
      .filter((part) => part !== '')
      .join(', ');
    chip.state.textContent = `${name}: ${state}`;
    chip.term.textContent = inTerm === '' ? '' : `, ${inTerm}`;
    return chip.item;
  }

  #create(name: string): Chip {
    const state = createElement('span');
    const term = createElement('span', { class: 'term' });
    const chip: Chip = { item: createElement('li', {}, state, term), state, term };
    this.#chips.set(name, chip);
    return chip;
  }
}
