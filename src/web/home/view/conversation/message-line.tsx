/// <reference lib="dom" />
import { Component } from 'preact';
import type { Message } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import { dateAndTime, timeOfDay } from '../../../i18n/dates.ts';
import type { Language } from '../../../i18n/language.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { mentions } from '../../model/text/mentions.ts';
import { plainText } from '../../model/text/plain-text.ts';
import { shownName } from '../../model/user-names.ts';
import type { MessageActions } from './message-actions.ts';
import { MessageText } from './message-text.tsx';
import { MessageTools } from './message-tools.tsx';

interface Props {
  message: Message;
  actions: MessageActions;
  /** The user's own name. */
  own: string;
  /** The folded names of the group's members. */
  names: ReadonlySet<string>;
  isOwn: boolean;
  /** True if the group has a composer, which a reply and an edit need. */
  mayWrite: boolean;
  /** True if it does not follow another message of its sender. */
  isFirst: boolean;
  /** True for the message that the Tab key reaches. */
  isTabStop: boolean;
  /** True for the message that a link led to. */
  isTarget: boolean;
  /** The language of the texts in it. */
  language: Language;
}

/** The properties that may change while the line is shown. */
const CHANGING = ['message', 'mayWrite', 'isFirst', 'isTabStop', 'isTarget', 'language'] as const;

/** A stored message. Renders only when it changes, because a list may have hundreds. Its tools exist while it is hovered or has the focus. */
export class StoredLine extends Component<Props, { isActive: boolean }> {
  override state = { isActive: false };

  override shouldComponentUpdate(next: Props, { isActive }: { isActive: boolean }): boolean {
    return isActive !== this.state.isActive || CHANGING.some((name) => next[name] !== this.props[name]);
  }

  override render(props: Props) {
    const { message, actions, own, names, isOwn, mayWrite, isFirst, isTabStop, isTarget } = props;
    const activate = () => this.setState({ isActive: true });
    const deactivate = () => this.setState({ isActive: false });
    const name = foldedName(own);
    const classes = [
      'message',
      isOwn && 'own',
      isFirst && 'first',
      isTarget && 'target',
      !isOwn && mentions(message.content, name) && 'mentions-me',
    ].filter(Boolean);
    return (
      <li
        id={`message-${message.id}`}
        data-id={message.id}
        class={classes.join(' ')}
        tabIndex={isTabStop ? 0 : -1}
        // A finger has no hover: the message that appears under it when a group opens is not the one that was meant.
        onPointerEnter={({ pointerType }) => pointerType === 'mouse' && activate()}
        onPointerLeave={({ currentTarget }) => currentTarget.contains(document.activeElement) || deactivate()}
        // A tap has the effect of a hover: some browsers focus only fields and buttons by themselves. Not before the click, because the
        // buttons that appear may be under the finger, and would take it.
        onClick={({ target, currentTarget }) => {
          const isControl = (target as Element).closest('a, button') !== null;
          if (!isControl) currentTarget.focus({ preventScroll: true });
        }}
        onFocusIn={activate}
        onFocusOut={({ currentTarget, relatedTarget }) => currentTarget.contains(relatedTarget as Node) || deactivate()}
        onKeyDown={(event) => event.target === event.currentTarget && pressed(event, props)}
      >
        <div class="sender" dir="auto">
          {shownName(message.sender, message.sender_id)}
        </div>
        {message.reply_to !== undefined && <Quote reply={message.reply_to} goTo={actions.goTo} />}
        <div class="body">
          <div class="content" dir="auto">
            <MessageText text={message.content} names={names} own={name} />
          </div>
          <Foot message={message} />
        </div>
        <ReactionBar message={message} react={actions.react} />
        {this.state.isActive && <MessageTools {...{ message, isOwn, mayWrite, actions }} />}
      </li>
    );
  }
}

function Foot({ message }: { message: Message }) {
  const time = new Date(message.timestamp);
  return (
    <span class="foot">
      {message.edited_at !== undefined && (
        <span title={dateAndTime(new Date(message.edited_at))}>{chatTexts().edited}</span>
      )}
      <time dateTime={message.timestamp} title={dateAndTime(time)}>
        {timeOfDay(time)}
      </time>
    </span>
  );
}

function Quote({ reply, goTo }: { reply: NonNullable<Message['reply_to']>; goTo: (id: number) => void }) {
  if (reply.deleted) return <div class="quote deleted">{chatTexts().repliedDeleted}</div>;
  return (
    <button type="button" class="quote" dir="auto" tabIndex={-1} onClick={() => goTo(reply.id)}>
      <bdi class="quote-sender">{shownName(reply.sender ?? '', reply.sender_id)}</bdi> {plainText(reply.excerpt ?? '')}
    </button>
  );
}

function ReactionBar({ message, react }: { message: Message; react: MessageActions['react'] }) {
  const reactions = message.reactions ?? [];
  if (reactions.length === 0) return null;
  return (
    <div class="reactions">
      {reactions.map(({ emoji, count, mine }) => (
        <button
          key={emoji}
          type="button"
          class="secondary reaction"
          tabIndex={-1}
          aria-pressed={mine}
          aria-label={chatTexts().reaction(emoji, count)}
          onClick={() => react(message, emoji)}
        >
          <span>{emoji}</span> {count}
        </button>
      ))}
    </div>
  );
}

/** Handles the shortcuts of the message that has the focus. */
function pressed(event: KeyboardEvent, { message, isOwn, mayWrite, actions }: Props): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'r' && mayWrite) actions.reply(message);
  else if (event.key === 'e' && isOwn && mayWrite) actions.edit(message);
  else if (event.key === '+') actions.chooseReaction(message);
  else if (event.key === 'l') actions.copyLink(message);
  else if (event.key === 'Delete' && actions.mayRemove(message)) actions.remove(message);
  else return;
  event.preventDefault();
}
