import type { NodeState, SeenNode } from '../model/cluster-notices.ts';
import { arrange, make, part } from './elements.ts';

const words: Record<NodeState, string> = {
  active: 'active',
  standby: 'standby',
  fallen: 'out of service',
  gone: 'gone',
};

interface Chip {
  item: HTMLLIElement;
  state: HTMLSpanElement;
  term: HTMLSpanElement;
}

/** The bar that shows who serves: one chip a node, its state in words as well as by form and colour. */
export class NodeBar {
  readonly #list = part('nodes', HTMLUListElement);
  readonly #chips = new Map<string, Chip>();

  /** Shows the nodes; `ours` is the name of the one that this page's stream hangs on. */
  show(nodes: readonly SeenNode[], ours: string | undefined): void {
    arrange(
      this.#list,
      nodes.map((node) => this.#render(node, node.name === ours && node.state !== 'gone')),
    );
  }

  #render({ name, url, state, term }: SeenNode, isOurs: boolean): HTMLLIElement {
    const chip = this.#chips.get(name) ?? this.#make(name);
    const inTerm = state === 'active' && term !== undefined ? `term ${term}` : '';
    chip.item.className = isOurs ? `${state} ours` : state;
    chip.item.title = [url, inTerm, isOurs ? 'your messages come from here' : '']
      .filter((part) => part !== '')
      .join(', ');
    chip.state.textContent = `${name}: ${words[state]}`;
    chip.term.textContent = inTerm === '' ? '' : `, ${inTerm}`;
    return chip.item;
  }

  #make(name: string): Chip {
    const state = make('span');
    const term = make('span', { class: 'term' });
    const chip: Chip = { item: make('li', {}, state, term), state, term };
    this.#chips.set(name, chip);
    return chip;
  }
}
