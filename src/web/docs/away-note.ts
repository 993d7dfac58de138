/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { type KnownNode, KnownNodes } from '../shared/known-nodes.ts';

/** While this node does not respond, says so, with links to the other nodes that do. Returns a function that shows it in the current language. */
export function noteIfAway(base: string): () => void {
  const others: KnownNode[] = [];
  let isAway = false;
  const show = () => {
    const note = document.querySelector('#away');
    if (!isAway || note === null) return;
    const links = others.map(({ node, url }) => {
      const link = document.createElement('a');
      link.href = `${url}/docs${location.hash}`;
      link.textContent = node;
      return link;
    });
    note.removeAttribute('hidden');
    note.replaceChildren(docsTexts().away, ...links.flatMap((link) => [' ', link]));
  };
  const known = new KnownNodes(base, () => localStorage, fetch.bind(globalThis));
  void known
    .recall((node) => others.push(node))
    .then((found) => {
      isAway = found;
      show();
    });
  return show;
}
