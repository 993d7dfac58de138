/// <reference lib="dom" />
import type { DocsEntry } from './search.ts';

/** A part of the page that the filter shows or hides. */
export interface SearchablePart extends DocsEntry {
  id: string;
  element: HTMLElement;
}

/** Returns the operations, event kinds and chapters of the guide, in the order of the page. */
export function searchableParts(): SearchablePart[] {
  const chapters = [...document.querySelectorAll<HTMLElement>('.chapter')].map((element): SearchablePart => {
    const heading = element.querySelector('h2');
    const title = heading?.textContent ?? '';
    return { kind: 'chapter', id: heading?.id ?? '', title, text: element.textContent ?? '', element };
  });
  const sections = [...document.querySelectorAll<HTMLElement>('section[data-text]')].map((element): SearchablePart => {
    const { title = '', text = '' } = element.dataset;
    const kind = element.id.startsWith('event-') ? 'event' : 'operation';
    return { kind, id: element.id, title, text, element };
  });
  return [...chapters, ...sections];
}
