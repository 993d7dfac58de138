/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { type KnownNode, KnownNodes } from '../shared/known-nodes.ts';

const CHECK_EVERY_MS = 2000;

/**
 * Shows a note while this node does not respond, with links to the other nodes that do. One late response proves nothing: the page
 * itself is busy while it opens. Returns a function that shows the note in the current language.
 */
export function noteIfAway(base: string): () => void {
  let others: KnownNode[] = [];
  let missed = 0;
  const show = () => {
    const note = document.querySelector('#away');
    if (note === null) return;
    note.toggleAttribute('hidden', missed < 2);
    const links = others.map(({ node, url }) => {
      const link = document.createElement('a');
      link.href = `${url}/docs${location.hash}`;
      link.textContent = node;
      return link;
    });
    note.replaceChildren(docsTexts().away, ...links.flatMap((link) => [' ', link]));
  };
  const known = new KnownNodes(base, () => localStorage, fetch.bind(globalThis));
  const check = async () => {
    const found: KnownNode[] = [];
    const isUnreachable = await known.recall((node) => found.push(node));
    missed = isUnreachable ? missed + 1 : 0;
    // Unchanged links are not replaced: one of them may have the focus.
    const isSame = missed > 2 && String(others.map(({ url }) => url)) === String(found.map(({ url }) => url));
    others = found;
    if (!isSame) show();
    if (isUnreachable) setTimeout(check, CHECK_EVERY_MS);
  };
  void check();
  return show;
}
