import type { Conversation } from '../model/conversation.ts';
import { arrange, make, part } from './elements.ts';

/** The address of a group within the page: going back and reloading work as with any page. */
export function groupHash(groupId: number): string {
  return `#group-${groupId}`;
}

/** The group that an address names, or undefined. */
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

/** The list of groups with their last message and a count of the unread ones. */
export class GroupList {
  readonly #list = part('groups', HTMLUListElement);
  readonly #none = part('no-groups', HTMLDivElement);
  readonly #items = new Map<number, Item>();

  /** Shows the groups in this order; that there are none is said only where that `isRead`. */
  show(conversations: readonly Conversation[], opened: Conversation | undefined, isRead: boolean): void {
    this.#none.hidden = conversations.length > 0 || !isRead;
    arrange(
      this.#list,
      conversations.map((conversation) => this.#render(conversation, conversation === opened)),
    );
  }

  #render({ group, newest, unread, loaded }: Conversation, isOpen: boolean): HTMLLIElement {
    const known = this.#items.get(group.id) ?? this.#make(group.id);
    known.name.textContent = group.name;
    const nothing = loaded ? 'No messages yet' : '…';
    known.preview.textContent = newest === undefined ? nothing : `${newest.sender}: ${newest.content}`;
    known.unread.hidden = unread === 0;
    known.unread.textContent = unread > 99 ? '99+' : String(unread);
    known.unread.setAttribute('aria-label', `${unread} unread`);
    if (isOpen) known.link.setAttribute('aria-current', 'page');
    else known.link.removeAttribute('aria-current');
    return known.item;
  }

  #make(groupId: number): Item {
    const name = make('span', { class: 'name' });
    const unread = make('span', { class: 'unread' });
    const preview = make('span', { class: 'preview' });
    const link = make('a', {}, name, unread, preview);
    link.href = groupHash(groupId);
    unread.setAttribute('role', 'img');
    const made: Item = { item: make('li', {}, link), link, name, unread, preview };
    this.#items.set(groupId, made);
    return made;
  }
}
