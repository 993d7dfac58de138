/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import type { SearchablePart } from './searchable-parts.ts';

const list = document.querySelector<HTMLElement>('#best');

/** Shows links to what a search found, best first. Hides the list if there is nothing. */
export function showBest(found: readonly SearchablePart[]): void {
  if (list === null) return;
  list.hidden = found.length === 0;
  list.setAttribute('aria-label', docsTexts().bestMatches);
  list.querySelector('ol')?.replaceChildren(...found.map(itemOf));
  if (found.length > 0) list.scrollIntoView({ block: 'nearest' });
}

function itemOf({ id, title }: SearchablePart): HTMLLIElement {
  const link = document.createElement('a');
  link.href = `#${id}`;
  link.textContent = title;
  const item = document.createElement('li');
  item.append(link);
  return item;
}
