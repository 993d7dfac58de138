import type { ChatClient, Message, User } from '../../../client/index.ts';
import { Chat, type ChatListener } from '../model/chat.ts';
import type { Conversation } from '../model/conversation.ts';
import { ReadMarks } from '../model/read-marks.ts';
import { Composer } from './composer.ts';
import type { Dialog } from './dialog.ts';
import { createElement, elementById } from './elements.ts';
import { GroupDialogs } from './group-dialogs.ts';
import { GroupList, groupHash, groupInHash } from './group-list.ts';
import { MessageList } from './message-list.ts';
import type { Notice } from './notice.ts';

const TITLE = 'Plantão';

/** The page of a signed-in user: connects the model (Chat) to the view. */
export class ChatPage {
  readonly #chat: Chat;
  readonly #dialog: Dialog;
  readonly #notice: Notice;
  readonly #groups = new GroupList();
  readonly #messages: MessageList;
  readonly #composer: Composer;
  readonly #dialogs: GroupDialogs;
  readonly #view = elementById('chat', HTMLElement);
  readonly #conversation = elementById('conversation', HTMLElement);
  readonly #nothing = elementById('nothing-open', HTMLParagraphElement);
  readonly #title = elementById('conversation-title', HTMLHeadingElement);
  readonly #members = elementById('members', HTMLButtonElement);
  readonly #announcer = elementById('announcer', HTMLParagraphElement);
  readonly #closing = new AbortController();
  #drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(client: ChatClient, me: User, dialog: Dialog, notice: Notice, ended: (error: unknown) => void) {
    const listener: ChatListener = {
      changed: () => this.#drawSoon(),
      arrived: (message, conversation) => this.#announce(message, conversation),
      ended,
    };
    this.#dialog = dialog;
    this.#notice = notice;
    this.#chat = new Chat(client, me, new ReadMarks(() => localStorage, me.id), listener);
    this.#messages = new MessageList(me.id, {
      remove: (messageId) => this.#confirmRemove(messageId),
      retry: (key) => this.#opened((one) => void this.#chat.outbox.retry(one, key)),
      discard: (key) => this.#opened((one) => this.#chat.outbox.discard(one, key)),
      loadOlder: async () => {
        if (this.#chat.opened !== undefined) await this.#chat.loadOlder(this.#chat.opened);
      },
    });
    this.#composer = new Composer((text) => {
      this.#opened((one) => void this.#chat.outbox.send(one, text));
      this.#messages.toEnd();
    });
    this.#dialogs = new GroupDialogs(dialog, client, this.#chat, {
      open: (groupId) => {
        location.hash = groupHash(groupId);
      },
      showNotice: (text) => notice.show({ text, tone: 'info' }),
    });
  }

  /** Shows the page and loads its content. Rejects if a node refuses the user's groups. */
  async open(): Promise<void> {
    const { signal } = this.#closing;
    const on = (id: string, press: () => void) =>
      elementById(id, HTMLButtonElement).addEventListener('click', press, { signal });
    on('new-group', () => this.#dialogs.create());
    on('join-group', () => this.#dialogs.join());
    on('members', () => this.#opened((one) => this.#dialogs.members(one)));
    on('back', () => {
      location.hash = '';
    });
    addEventListener('hashchange', () => this.#openNamed(), { signal });
    const updateVisibility = () => this.#chat.setVisible(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', updateVisibility, { signal });
    this.#view.hidden = false;
    this.#openNamed();
    await this.#chat.start();
  }

  /** Stops all activity and hides the page. */
  close(): void {
    this.#chat.stop();
    this.#closing.abort();
    clearTimeout(this.#drawing);
    this.#composer.close();
    this.#messages.close();
    this.#dialog.close();
    this.#view.hidden = true;
    document.title = TITLE;
  }

  #openNamed(): void {
    this.#chat.open(groupInHash(location.hash)).catch((error) => {
      if (!this.#closing.signal.aborted) this.#notice.show({ text: String(error.message), tone: 'warning' });
    });
  }

  #opened(act: (conversation: Conversation) => void): void {
    if (this.#chat.opened !== undefined) act(this.#chat.opened);
  }

  /**
   * Draws a burst of events once. Uses a timer because a hidden tab has no animation frames, and its title must show the
   * unread count.
   */
  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.#draw();
    }, 0);
  }

  #draw(): void {
    const { conversations, opened, unread, isLoaded: isRead } = this.#chat;
    this.#view.classList.toggle('has-open-group', opened !== undefined);
    this.#conversation.hidden = opened === undefined;
    this.#nothing.hidden = opened !== undefined;
    this.#nothing.textContent = nothingText(isRead, conversations.length);
    this.#groups.show(conversations, opened, isRead);
    if (opened !== undefined) {
      const { name, members } = opened.group;
      this.#title.textContent = name;
      this.#title.title = name;
      this.#members.textContent = members.length === 1 ? '1 member' : `${members.length} members`;
    }
    this.#composer.open(opened?.group.id);
    // A page left open at the end of a busy group must not grow for ever. Further up, the user needs the loaded messages.
    if (this.#messages.isAtEnd) opened?.trim();
    this.#messages.show(opened);
    document.title = unread > 0 ? `(${unread}) ${TITLE}` : TITLE;
  }

  #announce({ sender, content }: Message, conversation: Conversation): void {
    const where = conversation === this.#chat.opened ? '' : ` in ${conversation.group.name}`;
    this.#announcer.textContent = `${sender}${where}: ${content}`;
  }

  #confirmRemove(messageId: number): void {
    const conversation = this.#chat.opened;
    if (conversation === undefined) return;
    const text = 'It will be deleted for everyone in the group.';
    const act = () => this.#chat.remove(conversation, messageId);
    this.#dialog.open({ title: 'Delete this message?', body: [createElement('p', { text })], action: 'Delete', act });
  }
}

function nothingText(isRead: boolean, groups: number): string {
  if (!isRead) return 'Loading your groups…';
  return groups === 0 ? 'Messages from your groups appear here.' : 'Choose a group to start chatting.';
}
