import type { Message } from '../../../client/index.ts';
import type { Conversation, Pending } from '../model/conversation.ts';
import { dayName, dayOf, timeOfDay } from './day.ts';
import { button, createElement, elementById, setChildren } from './elements.ts';
import { ScrollPosition } from './scroll-position.ts';

/** Consecutive messages of one sender within five minutes show the name once. */
const SAME_BLOCK_MS = 5 * 60_000;

/** The actions on messages. */
export interface MessageActions {
  remove(messageId: number): void;
  retry(key: string): void;
  discard(key: string): void;
  loadOlder(): Promise<void>;
}

/** The messages of the open group, with a heading for each day. */
export class MessageList {
  readonly #list = elementById('messages', HTMLOListElement);
  readonly #older = elementById('older', HTMLParagraphElement);
  readonly #position: ScrollPosition;
  readonly #actions: MessageActions;
  readonly #me: number;
  #lines = new Map<string, HTMLLIElement>();
  #shown: Conversation | undefined;

  constructor(me: number, actions: MessageActions) {
    this.#me = me;
    this.#actions = actions;
    this.#position = new ScrollPosition(() => actions.loadOlder());
  }

  /** True if the list is scrolled to the newest message. */
  get isAtEnd(): boolean {
    return this.#position.isAtEnd;
  }

  /** Shows the messages of a group, or an empty list. */
  show(conversation: Conversation | undefined): void {
    const isOther = conversation !== this.#shown;
    this.#shown = conversation;
    if (isOther) this.#lines = new Map();
    const lines = new Map<string, HTMLLIElement>();
    if (conversation !== undefined) this.#fill(lines, conversation);
    this.#older.textContent = olderText(conversation);
    this.#position.preserve(isOther, () => setChildren(this.#list, [...lines.values()]));
    this.#lines = lines;
  }

  /** Scrolls to the newest message. */
  toEnd(): void {
    this.#position.toEnd();
  }

  /** Empties the list and removes the event listeners. */
  close(): void {
    this.show(undefined);
    this.#position.close();
  }

  #fill(lines: Map<string, HTMLLIElement>, conversation: Conversation): void {
    const now = new Date();
    let before: Message | undefined;
    for (const entry of conversation.entries()) {
      if (entry.kind === 'pending') {
        lines.set(entry.pending.key, this.#pending(entry.pending));
        continue;
      }
      const { message } = entry;
      const time = new Date(message.timestamp);
      if (before === undefined || dayOf(new Date(before.timestamp)) !== dayOf(time)) {
        before = undefined;
        lines.set(dayOf(time), this.#day(dayName(time, now), dayOf(time)));
      }
      lines.set(String(message.id), this.#stored(message, time, before));
      before = message;
    }
  }

  #day(name: string, key: string): HTMLLIElement {
    const line = this.#lines.get(key) ?? createElement('li', { class: 'day' });
    if (line.textContent !== name) line.textContent = name;
    return line;
  }

  #stored(message: Message, time: Date, before: Message | undefined): HTMLLIElement {
    const known = this.#lines.get(String(message.id));
    const isCurrent = known?.dataset.edited === (message.edited_at ?? '');
    const line = known && isCurrent ? known : this.#createStored(message, time);
    const follows =
      before?.sender_id === message.sender_id && time.getTime() - Date.parse(before.timestamp) < SAME_BLOCK_MS;
    line.classList.toggle('first', !follows);
    return line;
  }

  #createStored(message: Message, time: Date): HTMLLIElement {
    const isOwn = message.sender_id === this.#me;
    const when = createElement('time', { text: timeOfDay(time), title: time.toLocaleString() });
    when.dateTime = message.timestamp;
    const foot = createElement('span', { class: 'foot' }, when);
    if (isOwn) {
      const remove = button('Delete', 'secondary small delete', () => this.#actions.remove(message.id));
      remove.setAttribute('aria-label', `Delete your message "${message.content.slice(0, 40)}"`);
      foot.prepend(remove);
    }
    if (message.edited_at !== undefined) foot.prepend('edited ');
    const line = createLine(isOwn ? 'message own' : 'message', message.sender, message.content, foot);
    line.dataset.edited = message.edited_at ?? '';
    return line;
  }

  #pending({ key, content, state, error }: Pending): HTMLLIElement {
    const known = this.#lines.get(key);
    if (known?.classList.contains(state)) return known;
    const foot = createElement('span', { class: 'foot', text: state === 'sending' ? 'sending…' : 'not sent' });
    if (state === 'failed') {
      foot.title = error ?? '';
      foot.append(
        button('Retry', 'secondary small', () => this.#actions.retry(key)),
        button('Discard', 'secondary small', () => this.#actions.discard(key)),
      );
    }
    return createLine(`message own first ${state}`, 'You', content, foot);
  }
}

function createLine(className: string, sender: string, content: string, foot: HTMLElement): HTMLLIElement {
  return createElement(
    'li',
    { class: className },
    createElement('div', { class: 'sender', text: sender }),
    createElement('div', { class: 'body' }, createElement('div', { class: 'content', text: content }), foot),
  );
}

function olderText(conversation: Conversation | undefined): string {
  if (conversation === undefined) return '';
  if (!conversation.loaded) return 'Loading messages…';
  if (conversation.hasOlder) return 'Scroll up for older messages';
  return conversation.newest === undefined ? 'No messages yet. Write the first one.' : 'Start of the conversation';
}
