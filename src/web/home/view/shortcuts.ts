/// <reference lib="dom" />
import { useEffect } from 'preact/hooks';
import type { View } from './context.ts';

/** Listens to the shortcuts that work everywhere on the page of a signed-in user. */
export function useShortcuts({ app, openDialog }: View): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (app.chat === undefined || document.querySelector('dialog[open]') !== null) return;
      const isCommand = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
      const isTyping = (event.target as HTMLElement).closest?.('input, textarea, select') != null;
      if (isCommand && event.key === 'k') openDialog({ kind: 'find' });
      else if (isCommand && event.key === '/') openDialog({ kind: 'help' });
      else if (event.key === '?' && !isTyping) openDialog({ kind: 'help' });
      else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
        openNeighbour(event.key === 'ArrowDown' ? 1 : -1);
      } else return;
      event.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [app]);
}

/** Opens the group after or before the open one in the list. */
function openNeighbour(step: number): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>('#groups a')];
  const at = links.findIndex((link) => link.getAttribute('aria-current') === 'page');
  const next = links[Math.max(0, Math.min(at + step, links.length - 1))];
  if (next !== undefined) location.hash = next.hash;
}
