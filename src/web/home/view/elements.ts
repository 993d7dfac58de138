/// <reference lib="dom" />

/** Returns the element of home.html with that id. Throws if home.html and the script do not match. */
export function elementById<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`home.html has no ${type.name} with the id "${id}"`);
  return element;
}

/** Properties of a new element. `text` is never interpreted as HTML. */
export interface ElementOptions {
  class?: string;
  text?: string;
  id?: string;
  title?: string;
}

/** Creates an element with children. */
export function createElement<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  options: ElementOptions = {},
  ...children: readonly Node[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (options.class !== undefined) element.className = options.class;
  if (options.text !== undefined) element.textContent = options.text;
  if (options.id !== undefined) element.id = options.id;
  if (options.title !== undefined) element.title = options.title;
  element.append(...children);
  return element;
}

/** Creates a button. */
export function button(text: string, className: string, onClick: () => void): HTMLButtonElement {
  const element = createElement('button', { text, class: className });
  element.type = 'button';
  element.addEventListener('click', onClick);
  return element;
}

/**
 * Sets the children of `parent` to these, in this order. Moves only what differs, so the remaining elements keep focus,
 * selection and scroll position.
 */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const wanted = new Set<Element>(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    const current = parent.children[index];
    if (current !== child) parent.insertBefore(child, current ?? null);
  });
}
