import {
  type ChatClient,
  ChatError,
  type ChatEvent,
  type Group,
  isAfter,
  type Message,
  newIdempotencyKey,
  type User,
} from './index.ts';
import { pause } from './pause.ts';
import type { Screen } from './terminal-screen.ts';
import { help, messageLine, plain, readTyped } from './terminal-text.ts';

/** Messages of the past that are shown when a group is opened. */
const HISTORY = 20;
/** How long the end of the input waits for what was sent last to come back, in milliseconds. */
const LAST_WORDS_MS = 2000;
/** A message that is not stored after this many milliseconds is said to wait: its typed line is gone from the screen. */
const SLOW_MS = 2000;
/** For as long as it takes: a chat at a terminal waits for its nodes. */
const PATIENTLY = { deadlineMs: Number.POSITIVE_INFINITY };

/** A chat of one user at a terminal: history, then what comes; typed lines are sent in their order. */
export class TerminalChat {
  readonly #client: ChatClient;
  readonly #me: User;
  readonly #screen: Screen;
  readonly #byInvitation: boolean;
  readonly #ending = new AbortController();
  #groups = new Map<number, Group>();
  #open: Group | undefined;
  /** Events up to here are in the history that was shown for the open group. */
  #shownTo = '';
  #sentTo = '';
  #heardTo = '';

  /** `byInvitation` where a name does not let one into a group. */
  constructor(client: ChatClient, me: User, screen: Screen, byInvitation: boolean) {
    this.#client = client;
    this.#me = me;
    this.#screen = screen;
    this.#byInvitation = byInvitation;
  }

  /** Runs until the input ends or /quit. Rejects when the session cannot go on. */
  async run(group: string | undefined): Promise<void> {
    const cursor = await this.#readGroups();
    this.#heardTo = cursor;
    this.#sentTo = cursor;
    await this.#begin(group);
    const following = this.#follow(cursor).catch((error) => {
      if (this.#ending.signal.aborted) return;
      // A session that has ended takes no more lines.
      this.#screen.close();
      throw error;
    });
    following.catch(() => {});
    try {
      for await (const line of this.#screen.lines()) {
        if (!(await this.#take(line))) break;
      }
      await this.#untilShown();
    } finally {
      this.#ending.abort();
    }
    await following;
  }

  async #begin(group: string | undefined): Promise<void> {
    const first = [...this.#groups.values()].sort((one, other) => one.id - other.id)[0];
    if (group !== undefined) await this.#join(group);
    else if (first !== undefined) await this.#show(first);
    else
      this.#screen.remark(
        this.#byInvitation
          ? 'you are in no group yet: /new NAME MEMBERS…, or a member of one takes you in'
          : 'you are in no group yet: /join NAME or /new NAME MEMBERS…',
      );
  }

  /** Deals with a typed line; false ends the chat. */
  async #take(line: string): Promise<boolean> {
    const typed = readTyped(line);
    if (typed === undefined) return true;
    try {
      if (typed.kind === 'message') await this.#send(typed.text);
      else if (typed.name === 'quit') return false;
      else await this.#command(typed.name, typed.words);
    } catch (error) {
      if (this.#ending.signal.aborted) return false;
      if (!(error instanceof ChatError)) throw error;
      this.#screen.remark(error.message);
    }
    return true;
  }

  async #send(text: string): Promise<void> {
    if (this.#open === undefined) return this.#screen.remark('no group is open: /join NAME');
    this.#screen.forgetTyped(text);
    const options = { ...PATIENTLY, idempotencyKey: newIdempotencyKey(), signal: this.#ending.signal };
    const slow = setTimeout(() => this.#screen.remark(`not sent yet, waiting for a node: ${plain(text)}`), SLOW_MS);
    try {
      // Not shown here: the stream brings it, in its place among the others.
      this.#sentTo = (await this.#client.send(this.#open.id, text, options)).cursor;
    } finally {
      clearTimeout(slow);
    }
  }

  async #command(name: string, words: readonly string[]): Promise<void> {
    const { signal } = this.#ending;
    const rest = words.join(' ');
    if (name === 'help') this.#screen.say(help(this.#byInvitation));
    else if (name === 'groups') for (const group of this.#groups.values()) this.#screen.say(this.#title(group));
    else if (name === 'join' && rest !== '') await this.#join(rest);
    else if (name === 'new' && words[0] !== undefined) {
      const made = await this.#client.createChat(words[0], words.slice(1), { signal });
      if (made.warning !== undefined) this.#screen.remark(plain(made.warning));
      await this.#readGroups();
      await this.#join(String(made.group_id));
    } else if (this.#open === undefined && (name === 'who' || name === 'leave'))
      this.#screen.remark('no group is open');
    else if (name === 'who' && this.#open !== undefined) {
      const members = await this.#client.members(this.#open.id, { signal });
      this.#screen.say(members.map(({ username }) => plain(username)).join(', '));
    } else if (name === 'leave' && this.#open !== undefined) {
      await this.#client.leave(this.#open.id, { signal });
      this.#screen.remark(`you have left ${plain(this.#open.name)}`);
      this.#open = undefined;
      await this.#readGroups();
    } else this.#screen.remark('that is no command: /help tells what there is');
  }

  /** Opens the group of that number or name, and joins it first where this user is not in it. */
  async #join(wanted: string): Promise<void> {
    const found = () =>
      this.#groups.get(Number(wanted)) ?? [...this.#groups.values()].find(({ name }) => name === wanted);
    if (found() === undefined) {
      const { signal } = this.#ending;
      const isNumber = /^[1-9]\d*$/.test(wanted);
      if (!isNumber && this.#byInvitation) {
        this.#screen.remark(`you are in no group of that name: a member has to take you in, or make one with /new`);
        return;
      }
      if (isNumber) await this.#client.join(Number(wanted), { signal });
      else await this.#client.joinNamed(wanted, { signal });
      await this.#readGroups();
    }
    const group = found();
    if (group !== undefined) await this.#show(group);
  }

  async #show(group: Group): Promise<void> {
    const page = await this.#client.messages(group.id, { ...PATIENTLY, limit: HISTORY, signal: this.#ending.signal });
    this.#open = group;
    this.#shownTo = page.cursor;
    this.#screen.remark(this.#title(group));
    for (const message of page.messages) this.#screen.say(messageLine(message));
  }

  #title({ id, name, members }: Group): string {
    return `${plain(name)} (group ${id}, ${members.length} ${members.length === 1 ? 'member' : 'members'})`;
  }

  async #readGroups(): Promise<string> {
    const { chats, cursor } = await this.#client.chats({ ...PATIENTLY, signal: this.#ending.signal });
    this.#groups = new Map(chats.map((group) => [group.id, group]));
    return cursor;
  }

  async #follow(cursor: string): Promise<void> {
    const { signal } = this.#ending;
    const resync = async () => {
      this.#screen.remark('the nodes no longer have all that has happened since: this is how it stands');
      const now = await this.#readGroups();
      if (this.#open !== undefined) await this.#show(this.#open);
      return now;
    };
    for await (const event of this.#client.events({ cursor, signal, onGap: 'resync', resync })) await this.#hear(event);
  }

  async #hear(event: ChatEvent): Promise<void> {
    this.#heardTo = event.cursor;
    if (event.kind === 'notification' || event.kind === 'broadcast') return;
    const isOpen = event.group_id === this.#open?.id;
    if (isOpen && !isAfter(event.cursor, this.#shownTo)) return;
    if (event.kind === 'message') this.#showMessage(event.message, event.group_id, isOpen);
    else if (event.kind === 'message_deleted') {
      if (isOpen) this.#screen.remark('a message was deleted');
    } else {
      if (event.user_id === this.#me.id) await this.#readGroups();
      if (isOpen) this.#screen.remark(`${plain(event.username)} has ${event.kind}`);
    }
  }

  #showMessage(message: Message, groupId: number, isOpen: boolean): void {
    const where = plain(this.#groups.get(groupId)?.name ?? `group ${groupId}`);
    if (isOpen) this.#screen.say(messageLine(message));
    else this.#screen.remark(`in ${where}, ${plain(message.sender)}: ${plain(message.content)}`);
  }

  /** Piped input ends right after its last message, which the stream has not brought yet: a moment to show it. */
  async #untilShown(): Promise<void> {
    const endsAt = performance.now() + LAST_WORDS_MS;
    while (isAfter(this.#sentTo, this.#heardTo) && performance.now() < endsAt) await pause(20, this.#ending.signal);
  }
}
