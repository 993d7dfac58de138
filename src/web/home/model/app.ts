/// <reference lib="dom" />
import {
  type AuthMode,
  ChatClient,
  ChatError,
  type Message,
  type SignInResult,
  type User,
} from '../../../client/index.ts';
import { errorText } from '../../i18n/error-text.ts';
import { Chat } from './chat.ts';
import { type ClusterNode, ClusterNotices, type NoticeContent } from './cluster-notices.ts';
import { ClusterWatch } from './cluster-watch.ts';
import type { Conversation } from './conversation.ts';
import { groupInHash } from './location.ts';
import { Observable } from './observable.ts';
import { ReadMarks } from './read-marks.ts';
import { loadSession, saveSession } from './stored-session.ts';

/** How long a notice of tone `info` stays, in milliseconds. */
const INFO_MS = 12_000;

/** Receives what a screen reader says. */
export type Announce = (message: Message, conversation: Conversation) => void;

/** The state of the page: the cluster, and the chat of the signed-in user. */
export class App extends Observable {
  readonly client: ChatClient;
  nodes: readonly ClusterNode[] = [];
  notice: NoticeContent | undefined;
  /** The chat of the signed-in user; undefined while the sign-in form is shown. */
  chat: Chat | undefined;
  /** Why the last session ended; undefined if the user ended it. */
  endedBy: unknown;
  announce: Announce = () => {};
  readonly #watch: ClusterWatch;
  readonly #notices = new ClusterNotices();
  #servedBy: string | undefined;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    const session = loadSession();
    this.client = new ChatClient({
      // Relative to this page: a proxy may serve the node under a path prefix.
      urls: [new URL('.', location.href).href],
      ...(session?.token === undefined ? {} : { token: session.token }),
      ...(session === undefined ? {} : { userId: session.user_id }),
      onConnection: ({ use, url, state }) => {
        if (use === 'read') this.#servedBy = state === 'connected' ? url : undefined;
        void this.#watch.refresh();
      },
    });
    this.#watch = new ClusterWatch(this.client, (nodes) => this.#showNodes(nodes));
    document.addEventListener('visibilitychange', () => {
      void this.#watch.refresh();
      this.chat?.setVisible(document.visibilityState === 'visible');
    });
    addEventListener('hashchange', () => this.#openNamed());
    void this.#watch.refresh();
    if (session !== undefined) this.enter(session);
  }

  /** How the nodes authenticate users; undefined before the first response. */
  get auth(): AuthMode | undefined {
    return this.#watch.auth;
  }

  /** The name of the node that serves this page's events. */
  get connectedTo(): string | undefined {
    return this.#watch.nameOf(this.#servedBy);
  }

  /** Signs in by `login` or `register`, and shows the user's chats. */
  async signIn(request: () => Promise<SignInResult>): Promise<void> {
    const session = await request();
    saveSession(session);
    this.enter(session);
  }

  /** Shows the chats of a user who has signed in. */
  enter({ user_id: id, username }: SignInResult): void {
    const me: User = { id, username };
    const chat = new Chat(this.client, me, new ReadMarks(() => localStorage, id), {
      changed: () => this.changed(),
      arrived: (message, conversation) => this.announce(message, conversation),
      ended: (error) => this.leave(error),
    });
    this.chat = chat;
    this.endedBy = undefined;
    chat.setVisible(document.visibilityState === 'visible');
    this.#openNamed();
    chat.start().catch((error) => {
      if (this.chat === chat) this.leave(error);
    });
    this.changed();
  }

  /** Ends the session. `endedBy` is an error if the user did not end it. */
  leave(endedBy?: unknown): void {
    this.chat?.stop();
    this.chat = undefined;
    this.endedBy = endedBy;
    saveSession(undefined);
    // If no node can be reached, the token expires by itself.
    this.client.logout().catch(() => {});
    this.changed();
  }

  /** Shows a notice. A warning stays until the next notice; information disappears by itself. */
  show(notice: NoticeContent): void {
    clearTimeout(this.#noticeTimer);
    this.notice = notice;
    if (notice.tone === 'info') {
      this.#noticeTimer = setTimeout(() => {
        this.notice = undefined;
        this.changed();
      }, INFO_MS);
    }
    this.changed();
  }

  /** Shows why something failed. Nothing is shown for an action that was cancelled, and the session ends if it has expired. */
  failed(error: unknown): void {
    if (this.chat === undefined || this.chat.signal.aborted) return;
    if (error instanceof ChatError && error.status === 401) this.leave(error);
    else this.show({ text: errorText(error), tone: 'warning' });
  }

  #showNodes(nodes: readonly ClusterNode[]): void {
    this.nodes = nodes;
    const notice = this.#notices.update(nodes);
    if (notice !== undefined) this.show(notice);
    this.changed();
  }

  #openNamed(): void {
    this.chat?.open(groupInHash(location.hash)).catch((error) => this.failed(error));
  }
}
