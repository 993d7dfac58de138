import type { Message } from '../../../client/index.ts';
import type { Conversation, Pending } from '../model/conversation.ts';
import { dayName, dayOf, timeOfDay } from './day.ts';
import { arrange, button, make, part } from './elements.ts';
import { ScrollPlace } from './scroll-place.ts';

/** Messages of one sender that follow within five minutes belong together: the name is shown once. */
const TOGETHER_MS = 5 * 60_000;

/** What can be done to a message. */
export interface MessageActions {
  remove(messageId: number): void;
  retry(key: string): void;
  discard(key: string): void;
  loadOlder(): Promise<void>;
}

/** The messages of the open group, with a line for each day. */
export class MessageList {
  readonly #list = part('messages', HTMLOListElement);
  readonly #older = part('older', HTMLParagraphElement);
  readonly #place: ScrollPlace;
  readonly #actions: MessageActions;
  readonly #me: number;
  #lines = new Map<string, HTMLLIElement>();
  #shown: Conversation | undefined;

  constructor(me: number, actions: MessageActions) {
    this.#me = me;
    this.#actions = actions;
    this.#place = new ScrollPlace(() => actions.loadOlder());
  }

  /** Whether the reader is at the newest message. */
  get isAtEnd(): boolean {
    return this.#place.isAtEnd;
  }

  /** Shows a group's messages, or none. */
  show(conversation: Conversation | undefined): void {
    const isOther = conversation !== this.#shown;
    this.#shown = conversation;
    if (isOther) this.#lines = new Map();
    const lines = new Map<string, HTMLLIElement>();
    if (conversation !== undefined) this.#fill(lines, conversation);
    this.#older.textContent = olderText(conversation);
    this.#place.keep(isOther, () => arrange(this.#list, [...lines.values()]));
    this.#lines = lines;
  }

  /** Scrolls to the newest message. */
  toEnd(): void {
    this.#place.toEnd();
  }

  /** Ends what listens on the page. */
  close(): void {
    this.show(undefined);
    this.#place.close();
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
    const line = this.#lines.get(key) ?? make('li', { class: 'day' });
    if (line.textContent !== name) line.textContent = name;
    return line;
  }

  #stored(message: Message, time: Date, before: Message | undefined): HTMLLIElement {
    const line = this.#lines.get(String(message.id)) ?? this.#makeStored(message, time);
    const follows =
      before?.sender_id === message.sender_id && time.getTime() - Date.parse(before.timestamp) < TOGETHER_MS;
    line.classList.toggle('first', !follows);
    return line;
  }

  #makeStored(message: Message, time: Date): HTMLLIElement {
    const isOwn = message.sender_id === this.#me;
    const when = make('time', { text: timeOfDay(time), title: time.toLocaleString() });
    when.dateTime = message.timestamp;
    const foot = make('span', { class: 'foot' }, when);
    if (isOwn) {
      const remove = button('Delete', 'quiet small delete', () => this.#actions.remove(message.id));
      remove.setAttribute('aria-label', `Delete your message "${message.content.slice(0, 40)}"`);
      foot.prepend(remove);
    }
    return makeLine(isOwn ? 'message own' : 'message', message.sender, message.content, foot);
  }

  #pending({ key, content, state, error }: Pending): HTMLLIElement {
    const known = this.#lines.get(key);
    if (known?.classList.contains(state)) return known;
    const foot = make('span', { class: 'foot', text: state === 'sending' ? 'sending…' : 'not sent' });
    if (state === 'failed') {
      foot.title = error ?? '';
      foot.append(
        button('Try again', 'quiet small', () => this.#actions.retry(key)),
        button('Discard', 'quiet small', () => this.#actions.discard(key)),
      );
    }
    return makeLine(`message own first ${state}`, 'You', content, foot);
  }
}

function makeLine(className: string, sender: string, content: string, foot: HTMLElement): HTMLLIElement {
  return make(
    'li',
    { class: className },
    make('div', { class: 'sender', text: sender }),
    make('div', { class: 'body' }, make('div', { class: 'content', text: content }), foot),
  );
}

function olderText(conversation: Conversation | undefined): string {
  if (conversation === undefined) return '';
  if (!conversation.loaded) return 'Reading messages…';
  if (conversation.hasOlder) return 'Scroll up for older messages';
  return conversation.newest === undefined ? 'No messages yet: write the first one.' : 'This is where it began.';
}
