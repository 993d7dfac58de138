/// <reference lib="dom" />
import { Component, createRef } from 'preact';
import { dayName, dayOf } from '../../i18n/dates.ts';
import { texts } from '../../i18n/texts.ts';
import type { Chat } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { PendingLine, StoredLine } from './message-line.tsx';

/** A distance to either end below this counts as being there, in pixels. */
const NEAR = 80;
/** Consecutive messages of one sender within five minutes show the name once. */
const SAME_BLOCK_MS = 5 * 60_000;

interface Props {
  chat: Chat;
  conversation: Conversation;
}

/** What must stay in place during a change: a message, and its distance from the top of the view. */
interface Snapshot {
  anchor: HTMLElement | undefined;
  offset: number;
  last: Element | null | undefined;
}

/**
 * The messages of the open group, with a heading for each day. At the end it follows new messages; further up it stays in place;
 * at the top it loads older messages.
 */
export class MessageList extends Component<Props, { hasNew: boolean }> {
  override state = { hasNew: false };
  readonly #scroller = createRef<HTMLElement>();
  readonly #list = createRef<HTMLOListElement>();
  #isAtEnd = true;
  #loading = false;
  #resized: ResizeObserver | undefined;

  override componentDidMount(): void {
    // An on-screen keyboard, a longer draft or a notice shrinks the view: the newest message must stay visible.
    this.#resized = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    if (this.#scroller.current !== null) this.#resized.observe(this.#scroller.current);
    this.toEnd();
    this.#fillUp();
  }

  override componentWillUnmount(): void {
    this.#resized?.disconnect();
  }

  override getSnapshotBeforeUpdate(): Snapshot {
    const scroller = this.#scroller.current;
    const anchor = this.#firstInView();
    const offset = anchor === undefined || scroller === null ? 0 : bottomOf(anchor) - scroller.scrollTop;
    return { anchor, offset, last: this.#list.current?.lastElementChild };
  }

  override componentDidUpdate(_: Props, __: unknown, { anchor, offset, last }: Snapshot): void {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    if (this.#isAtEnd) this.toEnd();
    else {
      if (anchor?.isConnected) scroller.scrollTop = bottomOf(anchor) - offset;
      if (this.#list.current?.lastElementChild !== last && !this.state.hasNew) this.setState({ hasNew: true });
    }
    this.#fillUp();
  }

  /** Scrolls to the newest message. */
  toEnd(): void {
    this.#isAtEnd = true;
    if (this.state.hasNew) this.setState({ hasNew: false });
    const scroller = this.#scroller.current;
    if (scroller !== null) scroller.scrollTop = scroller.scrollHeight;
  }

  override render({ conversation }: Props) {
    const t = texts().chat;
    // A page left open at the end of a busy group must not grow for ever. Further up, the user needs the loaded messages.
    if (this.#isAtEnd) conversation.trim();
    return (
      <>
        <section
          id="scroller"
          ref={this.#scroller}
          tabIndex={0}
          aria-label={t.messages}
          onScroll={() => this.#scrolled()}
        >
          <p id="older" class="hint">
            {olderText(conversation)}
          </p>
          <ol id="messages" ref={this.#list}>
            {this.#lines()}
          </ol>
        </section>
        {this.state.hasNew && (
          <button type="button" id="jump" onClick={() => this.toEnd()}>
            {t.jumpToNew} ↓
          </button>
        )}
      </>
    );
  }

  #lines() {
    const { chat, conversation } = this.props;
    const now = new Date();
    const lines = [];
    let before: { sender: number; at: number; day: string } | undefined;
    for (const entry of conversation.entries()) {
      if (entry.kind === 'pending') {
        const { pending } = entry;
        lines.push(<PendingLine key={pending.key} chat={chat} conversation={conversation} pending={pending} />);
        continue;
      }
      const { message } = entry;
      const time = new Date(message.timestamp);
      const day = dayOf(time);
      if (before?.day !== day) {
        before = undefined;
        lines.push(
          <li key={day} class="day">
            {dayName(time, now)}
          </li>,
        );
      }
      const follows = before?.sender === message.sender_id && time.getTime() - before.at < SAME_BLOCK_MS;
      const isOwn = message.sender_id === chat.me.id;
      lines.push(
        <StoredLine key={message.id} message={message} conversation={conversation} isOwn={isOwn} isFirst={!follows} />,
      );
      before = { sender: message.sender_id, at: time.getTime(), day };
    }
    return lines;
  }

  #scrolled(): void {
    const scroller = this.#scroller.current;
    if (scroller === null) return;
    this.#isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    if (this.#isAtEnd && this.state.hasNew) this.setState({ hasNew: false });
    this.#fillUp();
  }

  #firstInView(): HTMLElement | undefined {
    const top = this.#scroller.current?.scrollTop ?? 0;
    // Messages only: a day heading stays at the top when older messages of that day are inserted under it.
    const messages = this.#list.current?.querySelectorAll<HTMLElement>('.message') ?? [];
    return [...messages].find((message) => bottomOf(message) > top);
  }

  /** Loads older messages if the view is near the top or the loaded messages do not fill it. */
  #fillUp(): void {
    const { chat, conversation } = this.props;
    const scroller = this.#scroller.current;
    if (scroller === null || this.#loading || !conversation.loaded || !conversation.hasOlder) return;
    if (scroller.clientHeight === 0 || scroller.scrollTop > NEAR) return;
    this.#loading = true;
    chat
      .loadOlder(conversation)
      .catch(() => {})
      .finally(() => {
        this.#loading = false;
      });
  }
}

/** Measures from the bottom: a message loses its name line when an earlier one of the same sender is inserted before it. */
function bottomOf(message: HTMLElement): number {
  return message.offsetTop + message.offsetHeight;
}

function olderText(conversation: Conversation): string {
  const t = texts().chat;
  if (!conversation.loaded) return t.loadingMessages;
  if (conversation.hasOlder) return t.scrollForOlder;
  return conversation.newest === undefined ? t.writeFirst : t.start;
}
