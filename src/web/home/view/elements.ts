/// <reference lib="dom" />

/** The element of home.html with that id. Throws when page and script do not fit. */
export function part<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`home.html has no ${type.name} with the id "${id}"`);
  return element;
}

/** What an element is made with; text goes in as text, whatever is in it. */
export interface Making {
  class?: string;
  text?: string;
  id?: string;
  title?: string;
}

/** Makes an element with children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  making: Making = {},
  ...children: readonly Node[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (making.class !== undefined) element.className = making.class;
  if (making.text !== undefined) element.textContent = making.text;
  if (making.id !== undefined) element.id = making.id;
  if (making.title !== undefined) element.title = making.title;
  element.append(...children);
  return element;
}

/** Makes a button that does something when it is pressed. */
export function button(text: string, className: string, press: () => void): HTMLButtonElement {
  const element = make('button', { text, class: className });
  element.type = 'button';
  element.addEventListener('click', press);
  return element;
}

/**
 * Makes the children of `parent` these, in this order, and touches only what differs: focus, selection and scroll place
 * stay with elements that stay.
 */
export function arrange(parent: Element, children: readonly Element[]): void {
  const wanted = new Set<Element>(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    const there = parent.children[index];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
}
