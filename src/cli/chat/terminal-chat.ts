import {
  type Chat,
  type ChatClient,
  ChatError,
  type ChatEvent,
  isAfter,
  type Message,
  NO_DEADLINE,
  type User,
} from '../../client/index.ts';
import { noticeOf } from './event-text.ts';
import { followMembers } from './follow-members.ts';
import { directGroup, groupLike, groupNamed, joinOrCreate } from './group-by-name.ts';
import { runMessageCommand } from './message-commands.ts';
import { ReadMarker } from './read-marker.ts';
import type { Screen } from './screen.ts';
import { SentMessages } from './sent-messages.ts';
import { chatHelp, groupLine, messageLine, parseTyped, type Typed, terminalText } from './terminal-text.ts';

/** Earlier messages shown when a group is opened. */
const HISTORY = 20;

/** One user's chat at a terminal: shows history, then new messages, and sends typed lines in order. */
export class TerminalChat {
  readonly #client: ChatClient;
  readonly #me: User;
  readonly #screen: Screen;
  readonly #needsInvitation: boolean;
  readonly #ending = new AbortController();
  readonly #marker: ReadMarker;
  readonly #sent: SentMessages;
  #groups = new Map<number, Chat>();
  #open: Chat | undefined;
  /** The user's last message in the open group. */
  #ownLast: number | undefined;
  /** The history shown for the open group includes events up to this cursor. */
  #shownTo = '';

  /** `needsInvitation` is true if users cannot join a group by its name. */
  constructor(client: ChatClient, me: User, screen: Screen, needsInvitation: boolean) {
    this.#client = client;
    this.#me = me;
    this.#screen = screen;
    this.#needsInvitation = needsInvitation;
    this.#marker = new ReadMarker(client, this.#ending.signal);
    this.#sent = new SentMessages(client, screen, this.#ending.signal);
  }

  /** Runs until the input ends or /quit. Rejects when the session cannot continue. */
  async run(group: string | undefined): Promise<void> {
    const cursor = await this.#readGroups();
    this.#sent.begin(cursor);
    await this.#openFirst(group);
    const following = this.#receiveEvents(cursor).catch((error) => {
      if (this.#ending.signal.aborted) return;
      // A session that has ended accepts no more lines.
      this.#screen.close();
      throw error;
    });
    following.catch(() => {});
    try {
      for await (const line of this.#screen.lines()) {
        if (!(await this.#handle(line))) break;
      }
      await this.#sent.waitUntilShown();
    } finally {
      this.#ending.abort();
    }
    await following;
  }

  async #openFirst(group: string | undefined): Promise<void> {
    const first = [...this.#groups.values()].sort((one, other) => one.id - other.id)[0];
    if (group !== undefined) await this.#join(group);
    else if (first !== undefined) await this.#show(first);
    else
      this.#screen.notice(
        this.#needsInvitation
          ? 'you have no groups yet: create one with /new NAME MEMBERS…, or ask a member to add you'
          : 'you have no groups yet: /join NAME or /new NAME MEMBERS…',
      );
  }

  /** Handles a typed line; returns false to end the chat. */
  async #handle(line: string): Promise<boolean> {
    const typed = parseTyped(line);
    if (typed === undefined) return true;
    try {
      if (typed.kind === 'message') await this.#send(typed.text);
      else if (typed.name === 'quit') return false;
      else await this.#command(typed);
    } catch (error) {
      if (this.#ending.signal.aborted) return false;
      if (!(error instanceof ChatError)) throw error;
      this.#screen.notice(terminalText(error.message));
    }
    return true;
  }

  async #send(text: string, replyTo?: number): Promise<void> {
    if (this.#open === undefined) return this.#screen.notice('no group is open: /join NAME');
    this.#screen.eraseTyped(text);
    await this.#sent.send(this.#open.id, text, replyTo);
  }

  async #command(typed: Extract<Typed, { kind: 'command' }>): Promise<void> {
    const { signal } = this.#ending;
    const { name, words } = typed;
    const rest = words.join(' ');
    // The command may refer to the message that was just sent, which the stream may not have delivered yet.
    if (name === 'edit' || name === 'delete') await this.#sent.waitUntilShown();
    const send = (text: string, to: number) => this.#send(text, to);
    const context = { group: this.#open, ownLast: this.#ownLast, send };
    const notice = await runMessageCommand(this.#client, context, typed, { signal });
    if (notice !== undefined) return notice === null ? undefined : this.#screen.notice(notice);
    if (name === 'help') this.#screen.print(chatHelp(this.#needsInvitation));
    else if (name === 'groups') for (const group of this.#groups.values()) this.#screen.print(groupLine(group));
    else if (name === 'join' && rest !== '') await this.#join(rest);
    else if (name === 'direct' && rest !== '') {
      const groupId = await directGroup(this.#client, rest, { signal });
      await this.#readGroups();
      await this.#join(String(groupId));
    } else if (name === 'new' && words[0] !== undefined) {
      const made = await this.#client.createChat(words[0], words.slice(1), { signal });
      if (made.warning !== undefined) this.#screen.notice(terminalText(made.warning));
      await this.#readGroups();
      await this.#join(String(made.group_id));
    } else if (this.#open === undefined && (name === 'who' || name === 'leave'))
      this.#screen.notice('no group is open');
    else if (name === 'who' && this.#open !== undefined) {
      const members = await this.#client.members(this.#open.id, { signal });
      this.#screen.print(members.map(({ username }) => terminalText(username)).join(', '));
    } else if (name === 'leave' && this.#open !== undefined) {
      await this.#client.leave(this.#open.id, { signal });
      this.#screen.notice(`you have left ${terminalText(this.#open.name)}`);
      this.#open = undefined;
      await this.#readGroups();
    } else this.#screen.notice('unknown command: type /help');
  }

  /** Opens the group with that number or name; joins it first if this user is not a member. */
  async #join(wanted: string): Promise<void> {
    const found = () => this.#groups.get(Number(wanted)) ?? groupNamed(wanted, [...this.#groups.values()]);
    if (found() === undefined) {
      const { signal } = this.#ending;
      const isNumber = /^[1-9]\d*$/.test(wanted);
      const own = [...this.#groups.values()];
      if (!isNumber && this.#needsInvitation) {
        const like = groupLike(wanted, own);
        if (like !== undefined) return this.#show(like);
        this.#screen.notice(`you are not in a group of that name: ask a member to add you, or create one with /new`);
        return;
      }
      if (isNumber) await this.#client.join(Number(wanted), { signal });
      else {
        const similar = await joinOrCreate(this.#client, wanted, own, { signal });
        if (typeof similar === 'object') return this.#show(similar);
        if (similar !== undefined) {
          const name = terminalText(similar);
          this.#screen.notice(`there is a group "${name}": /join ${name}, or create another one with /new`);
          return;
        }
      }
      await this.#readGroups();
    }
    const group = found();
    if (group !== undefined) await this.#show(group);
  }

  async #show(group: Chat): Promise<void> {
    const page = await this.#client.messages(group.id, { ...NO_DEADLINE, limit: HISTORY, signal: this.#ending.signal });
    this.#open = group;
    this.#shownTo = page.cursor;
    this.#screen.notice(groupLine(group));
    for (const message of page.messages) this.#screen.print(messageLine(message));
    this.#ownLast = page.messages.findLast(({ sender_id }) => sender_id === this.#me.id)?.id;
    const newest = page.messages.at(-1);
    if (newest !== undefined) this.#markRead(group, newest.id);
  }

  #markRead(group: Chat, messageId: number): void {
    group.unread = 0;
    this.#marker.mark(group.id, messageId);
  }

  async #readGroups(): Promise<string> {
    const { chats, cursor } = await this.#client.chats({ ...NO_DEADLINE, signal: this.#ending.signal });
    this.#groups = new Map(chats.map((group) => [group.id, group]));
    if (this.#open !== undefined) this.#open = this.#groups.get(this.#open.id) ?? this.#open;
    return cursor;
  }

  async #receiveEvents(cursor: string): Promise<void> {
    const { signal } = this.#ending;
    const resync = async () => {
      this.#screen.notice('some events are no longer available: showing the current state');
      const now = await this.#readGroups();
      if (this.#open !== undefined) await this.#show(this.#open);
      return now;
    };
    for await (const event of this.#client.events({ cursor, signal, onGap: 'resync', resync }))
      await this.#receive(event);
  }

  async #receive(event: ChatEvent): Promise<void> {
    this.#sent.received(event);
    if (event.kind === 'notification' || event.kind === 'broadcast') return;
    followMembers(this.#groups, event);
    if (event.kind === 'user_renamed' || event.kind === 'read_by') return;
    const group = this.#groups.get(event.group_id);
    if (event.kind === 'read') {
      if (group?.last_message && event.message_id >= group.last_message.id) group.unread = 0;
      return;
    }
    const isOpen = event.group_id === this.#open?.id;
    if (isOpen && !isAfter(event.cursor, this.#shownTo)) return;
    if (event.kind === 'message') this.#showMessage(event.message, event.group_id, isOpen);
    const notice = isOpen ? noticeOf(event, (userId) => this.#nameOf(userId)) : undefined;
    if (notice !== undefined) this.#screen.notice(notice);
    const isMine = (event.kind === 'joined' || event.kind === 'left') && event.user_id === this.#me.id;
    if (isOpen && event.kind === 'group_deleted') this.#open = undefined;
    if (isMine || event.kind === 'group_changed' || event.kind === 'group_deleted') await this.#readGroups();
  }

  #nameOf(userId: number): string {
    const member = this.#open?.members.find(({ id }) => id === userId);
    return member === undefined ? `user ${userId}` : terminalText(member.username);
  }

  #showMessage(message: Message, groupId: number, isOpen: boolean): void {
    const group = this.#groups.get(groupId);
    if (isOpen) this.#screen.print(messageLine(message));
    else
      this.#screen.notice(
        `in ${terminalText(group?.name ?? `group ${groupId}`)}, ${terminalText(message.sender)}: ${terminalText(message.content)}`,
      );
    if (isOpen && message.sender_id === this.#me.id) this.#ownLast = message.id;
    if (group === undefined) return;
    group.last_message = { ...message, excerpt: message.content };
    if (isOpen) this.#markRead(group, message.id);
    else if (message.sender_id !== this.#me.id) group.unread = (group.unread ?? 0) + 1;
  }
}
