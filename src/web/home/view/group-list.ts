import type { Conversation } from '../model/conversation.ts';
import { createElement, elementById, setChildren } from './elements.ts';

/** Returns the URL fragment of a group, so that the back button and reloading work as on any page. */
export function groupHash(groupId: number): string {
  return `#group-${groupId}`;
}

/** Returns the group that a URL fragment names, or undefined. */
export function groupInHash(hash: string): number | undefined {
  const id = /^#group-(\d{1,15})$/.exec(hash)?.[1];
  return id === undefined ? undefined : Number(id);
}

interface Item {
  item: HTMLLIElement;
  link: HTMLAnchorElement;
  name: HTMLSpanElement;
  unread: HTMLSpanElement;
  preview: HTMLSpanElement;
}

/** The list of groups, each with its last message and unread count. */
export class GroupList {
  readonly #list = elementById('groups', HTMLUListElement);
  readonly #none = elementById('no-groups', HTMLDivElement);
  readonly #items = new Map<number, Item>();

  /** Shows the groups in this order. The "no groups" text appears only once the list has loaded. */
  show(conversations: readonly Conversation[], opened: Conversation | undefined, isLoaded: boolean): void {
    this.#none.hidden = conversations.length > 0 || !isLoaded;
    setChildren(
      this.#list,
      conversations.map((conversation) => this.#render(conversation, conversation === opened)),
    );
  }

  #render({ group, newest, unread, loaded }: Conversation, isOpen: boolean): HTMLLIElement {
    const known = this.#items.get(group.id) ?? this.#create(group.id);
    known.name.textContent = group.name;
    const placeholder = loaded ? 'No messages yet' : '…';
    known.preview.textContent = newest === undefined ? placeholder : `${newest.sender}: ${newest.content}`;
    known.unread.hidden = unread === 0;
    known.unread.textContent = unread > 99 ? '99+' : String(unread);
    known.unread.setAttribute('aria-label', `${unread} unread`);
    if (isOpen) known.link.setAttribute('aria-current', 'page');
    else known.link.removeAttribute('aria-current');
    return known.item;
  }

  #create(groupId: number): Item {
    const name = createElement('span', { class: 'name' });
    const unread = createElement('span', { class: 'unread' });
    const preview = createElement('span', { class: 'preview' });
    const link = createElement('a', {}, name, unread, preview);
    link.href = groupHash(groupId);
    unread.setAttribute('role', 'img');
    const created: Item = { item: createElement('li', {}, link), link, name, unread, preview };
    this.#items.set(groupId, created);
    return created;
  }
}
