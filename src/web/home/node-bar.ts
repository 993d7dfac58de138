import type { NodeState, SeenNode } from './duty-report.ts';
import { arrange, make, part } from './elements.ts';

const words: Record<NodeState, string> = {
  active: 'active',
  standby: 'standby',
  fallen: 'out of service',
  gone: 'gone',
};

/** The bar that shows who serves: one chip a node, its state in words as well as by form and colour. */
export class NodeBar {
  readonly #list = part('nodes', HTMLUListElement);
  readonly #chips = new Map<string, HTMLLIElement>();

  /** Shows the nodes; `ours` is the address that this page's stream hangs on. */
  show(nodes: readonly SeenNode[], ours: string | undefined): void {
    arrange(
      this.#list,
      nodes.map((node) => this.#chip(node, node.url === ours)),
    );
  }

  #chip({ name, url, state, term }: SeenNode, isOurs: boolean): HTMLLIElement {
    const chip = this.#chips.get(name) ?? make('li');
    this.#chips.set(name, chip);
    chip.className = isOurs ? `${state} ours` : state;
    const text =
      state === 'active' && term !== undefined ? `${name}: active, term ${term}` : `${name}: ${words[state]}`;
    if (chip.textContent !== text) chip.textContent = text;
    chip.title = isOurs ? `${url}: your messages come from here` : url;
    return chip;
  }
}
