/// <reference lib="dom" />

/**
 * Moves the focus among the elements of a list with the arrow keys, Home and End, so that the list is a single tab stop.
 */
export function moveFocus(event: KeyboardEvent, list: Element | null, selector: string): void {
  if (list === null || event.ctrlKey || event.altKey || event.metaKey) return;
  const items = [...list.querySelectorAll<HTMLElement>(selector)];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const target = items[indexAfter(event.key, at, items.length)];
  if (at < 0 || target === undefined) return;
  event.preventDefault();
  target.focus();
}

function indexAfter(key: string, at: number, count: number): number {
  switch (key) {
    case 'ArrowDown':
      return Math.min(at + 1, count - 1);
    case 'ArrowUp':
      return Math.max(at - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return -1;
  }
}
