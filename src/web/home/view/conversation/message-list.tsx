/// <reference lib="dom" />
import { Component, createRef } from 'preact';
import { chatTexts } from '../../../i18n/texts.ts';
import type { ChatState } from '../../model/chat-state.ts';
import type { Conversation } from '../../model/messages/conversation.ts';
import { Icon } from '../elements/icons.tsx';
import { moveFocus } from '../elements/roving.ts';
import type { MessageActions } from './message-actions.ts';
import { messageLines } from './message-lines.tsx';
import { type Anchor, ScrollPosition } from './scroll-position.ts';

interface Props {
  chat: ChatState;
  conversation: Conversation;
  actions: MessageActions;
  /** True while nothing can be loaded. */
  isCutOff: boolean;
  /** True until the message that a link led to is shown: the user does not read what is shown before. */
  isJumping: boolean;
  /** Set to this list while it is shown: Preact gives a ref to a component as a property. */
  handle: { current: MessageList | null };
}

interface State {
  isAtEnd: boolean;
  tabStop: number | undefined;
  target: number | undefined;
}

/**
 * The messages of the open group. It opens at the first unread one, follows new messages at the end, stays in place further up,
 * loads more at either end, and reports what has been seen.
 */
export class MessageList extends Component<Props, State> {
  override state: State = { isAtEnd: true, tabStop: undefined, target: undefined };
  readonly #scroller = createRef<HTMLElement>();
  readonly #list = createRef<HTMLOListElement>();
  /** True while the view sticks to the newest message. Not derived from the position: a new message changes that first. */
  #followsEnd = true;
  /** True once the first page is shown and the view is where it opens. */
  #isPlaced = false;
  #loading = false;
  /** A message to show as soon as it is rendered. */
  #awaited: number | undefined;
  #resized: ResizeObserver | undefined;
  /** Where the user reads, as of the latest scrolling. */
  #anchor: Anchor = { message: undefined, offset: 0 };

  override componentDidMount(): void {
    // An on-screen keyboard, a longer draft or a notice shrinks the view: the newest message must stay visible. A phone that is
    // rotated lays out all lines again: the place where the user reads must stay in view.
    this.#resized = new ResizeObserver(() =>
      this.#followsEnd ? this.#position?.toEnd() : this.#position?.keep(this.#anchor),
    );
    if (this.#scroller.current !== null) this.#resized.observe(this.#scroller.current);
    this.props.handle.current = this;
    this.#settle();
  }

  override componentWillUnmount(): void {
    this.props.handle.current = null;
    this.#resized?.disconnect();
  }

  override getSnapshotBeforeUpdate(): Anchor {
    return this.#position?.anchor() ?? this.#anchor;
  }

  override componentDidUpdate(_: Props, __: State, anchor: Anchor): void {
    if (this.#isPlaced && !this.#followsEnd) this.#position?.keep(anchor);
    if (this.#awaited !== undefined) this.showMessage(this.#awaited);
    this.#settle();
  }

  /** Scrolls to the newest loaded message, and to the newest of all once it is loaded. */
  toEnd(): void {
    const { chat, conversation } = this.props;
    if (conversation.window.hasNewer) {
      const loading = chat.history.toLatest(conversation);
      // The notice at the top shows that there is no connection. What was loaded stays.
      loading.then(() => this.#follow()).catch(() => {});
    }
    this.#follow();
  }

  #follow(): void {
    this.#followsEnd = true;
    this.#isPlaced = true;
    this.#position?.toEnd();
    this.#noteEnd();
  }

  /** Scrolls to a message that is loaded, once it is rendered, and marks it. */
  showMessage(id: number): void {
    const line = document.getElementById(`message-${id}`);
    this.#awaited = line === null ? id : undefined;
    if (line === null) return;
    this.#followsEnd = false;
    this.#isPlaced = true;
    this.setState({ target: id, tabStop: id });
    this.#position?.toElement(line);
    line.focus({ preventScroll: true });
  }

  override render({ conversation, chat, actions, isCutOff }: Props, { isAtEnd, tabStop, target }: State) {
    const t = chatTexts();
    // A page left open at the end of a busy group must not grow forever. Further up, the user needs the loaded messages.
    if (this.#followsEnd && this.#isPlaced) conversation.window.trim();
    const isJumpShown = !isAtEnd || conversation.window.hasNewer;
    return (
      <>
        <section id="scroller" ref={this.#scroller} aria-label={t.messages} onScroll={() => this.#scrolled()}>
          <p id="older" class="hint">
            {olderText(conversation, isCutOff)}
          </p>
          <ol
            id="messages"
            ref={this.#list}
            onKeyDown={(event) => moveFocus(event, this.#list.current, '.message[tabindex]')}
            onFocusIn={({ target: focused }) => this.#focused(focused)}
          >
            {messageLines({ chat, conversation, actions, tabStop, target })}
          </ol>
        </section>
        {isJumpShown && conversation.loaded && (
          <button
            type="button"
            id="jump"
            onClick={() => {
              conversation.markNew();
              this.toEnd();
            }}
          >
            <Icon name="down" /> {conversation.unread > 0 ? t.newMessages(conversation.unread) : t.jumpToLatest}
          </button>
        )}
      </>
    );
  }

  get #position(): ScrollPosition | undefined {
    return this.#scroller.current === null ? undefined : new ScrollPosition(this.#scroller.current);
  }

  /** Puts the view where it belongs after a change, loads more if an end is in view, and reports what is seen. */
  #settle(): void {
    const { conversation } = this.props;
    if (conversation.loaded && !this.#isPlaced) this.#place();
    // The last page may have arrived without any scrolling.
    this.#followsEnd ||= this.#isAtNewest;
    if (this.#followsEnd) this.#position?.toEnd();
    this.#noteEnd();
    this.#fillUp();
    this.#reportSeen();
  }

  /** Shows the divider before the new messages, or else the end. */
  #place(): void {
    this.#isPlaced = true;
    const divider = this.#list.current?.querySelector<HTMLElement>('.divider');
    if (divider) this.#position?.toElement(divider);
    else this.#position?.toEnd();
    this.#followsEnd = this.#isAtNewest;
  }

  get #isAtNewest(): boolean {
    return this.#position?.isAtEnd === true && !this.props.conversation.window.hasNewer;
  }

  #scrolled(): void {
    if (!this.#isPlaced) return;
    this.#followsEnd = this.#isAtNewest;
    if (this.#position) this.#anchor = this.#position.anchor();
    this.#noteEnd();
    this.#fillUp();
    this.#reportSeen();
  }

  #noteEnd(): void {
    const isAtEnd = this.#position?.isAtEnd ?? true;
    if (isAtEnd !== this.state.isAtEnd) this.setState({ isAtEnd });
  }

  #focused(focused: EventTarget | null): void {
    const id = Number((focused as HTMLElement | null)?.closest<HTMLElement>('.message')?.dataset.id);
    if (!Number.isInteger(id) || id === this.state.tabStop) return;
    // The browser scrolls to the message, and reports that only later: until then, the view must not go back to the end.
    this.#followsEnd = false;
    this.setState({ tabStop: id });
  }

  #reportSeen(): void {
    const { chat, conversation, isJumping } = this.props;
    const id = Number(this.#position?.lastSeen()?.dataset.id);
    if (this.#isPlaced && !isJumping && Number.isInteger(id)) chat.seen(conversation, id);
  }

  #fillUp(): void {
    const { chat, conversation } = this.props;
    const { loaded, window } = conversation;
    const position = this.#position;
    if (this.#loading || !loaded || !this.#isPlaced || position === undefined) return;
    const older = window.hasOlder && position.isAtStart;
    const newer = window.hasNewer && position.isAtEnd;
    if (!older && !newer) return;
    this.#loading = true;
    const loading = older ? chat.history.loadOlder(conversation) : chat.history.loadNewer(conversation);
    loading
      .catch(() => {})
      .finally(() => {
        this.#loading = false;
      });
  }
}

function olderText({ loaded, window }: Conversation, isCutOff: boolean): string {
  const t = chatTexts();
  if (!loaded) return isCutOff && window.newest !== undefined ? t.savedMessages : t.loadingMessages;
  if (window.hasOlder) return t.scrollForOlder;
  return window.newest === undefined ? t.writeFirst : t.start;
}
