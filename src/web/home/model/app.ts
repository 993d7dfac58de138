/// <reference lib="dom" />
import {
  ChatClient,
  ChatError,
  type CheckedInvitation,
  type Message,
  type SignInResult,
  type User,
} from '../../../client/index.ts';
import { errorText } from '../../i18n/error-text.ts';
import { chatTexts } from '../../i18n/texts.ts';
import { Observable } from '../../shared/observable.ts';
import {
  forgetSession,
  loadSession,
  onForgotten,
  type StoredSession,
  saveSession,
} from '../../shared/stored-session.ts';
import { MessageAlerts } from './alerts/message-alerts.ts';
import { ChatState } from './chat-state.ts';
import { type ClusterNode, ClusterNotices } from './connection/cluster-notices.ts';
import { ClusterWatch } from './connection/cluster-watch.ts';
import { NodeDirectory } from './connection/node-directory.ts';
import { RequestMonitor } from './connection/request-monitor.ts';
import { acceptInvitation } from './groups/accept-invitation.ts';
import { checkInvitation } from './groups/check-invitation.ts';
import { type InvitationLink, placeIn } from './location.ts';
import type { Conversation } from './messages/conversation.ts';
import { type NoticeContent, Notices, notice } from './notices.ts';
import { removeUserData } from './storage/user-data.ts';
import { plainText } from './text/plain-text.ts';

/** The loaded chats are stored for the next visit at this interval, and when the page is hidden. */
const SAVE_EVERY_MS = 15_000;

/** Announces a new message to screen readers. */
export type Announce = (message: Message, conversation: Conversation) => void;

/** The state of the page: the cluster, and the chat of the signed-in user. */
export class App extends Observable {
  readonly client: ChatClient;
  /** The cluster as this page reaches it. */
  readonly cluster: ClusterWatch;
  /** The chat of the signed-in user; undefined while the sign-in form is shown. */
  chat: ChatState | undefined;
  /** Alerts that user to messages. */
  alerts: MessageAlerts | undefined;
  /** Why the last session ended; undefined if the user ended it. */
  endedBy: unknown;
  /** The name of the user whose session ended with an error. */
  endedFor: string | undefined;
  /** The message that a link led to, until it is shown. */
  target: number | undefined;
  announce: Announce = () => {};
  readonly #clusterNotices = new ClusterNotices();
  readonly #notices = new Notices(() => this.changed());
  #session: StoredSession | undefined;

  constructor() {
    super();
    const session = loadSession();
    const requestMonitor = new RequestMonitor();
    this.client = new ChatClient({
      // Relative to this page: a proxy may serve the node under a path prefix.
      urls: [new URL('.', location.href).href],
      fetch: requestMonitor.fetch,
      // A slow connection needs more than the default of 5 s; the watch notices a node that is down.
      attemptMs: 15_000,
      ...(session?.token === undefined ? {} : { token: session.token }),
      ...(session === undefined ? {} : { userId: session.user_id }),
      onConnection: ({ use, url, state }) => {
        if (use === 'read') this.cluster.servingUrl = state === 'connected' ? url : undefined;
        void this.cluster.refresh();
      },
    });
    const directory = new NodeDirectory(this.client, requestMonitor.fetch, () => localStorage);
    this.cluster = new ClusterWatch(this.client, { requestMonitor, directory }, (nodes) => this.#showNodes(nodes));
    document.addEventListener('visibilitychange', () => {
      void this.cluster.refresh();
      this.chat?.setVisible(document.visibilityState === 'visible');
      if (document.hidden) this.chat?.save();
    });
    addEventListener('pagehide', () => this.chat?.save());
    setInterval(() => this.chat?.save(), SAVE_EVERY_MS);
    addEventListener('hashchange', () => this.#openFromHash());
    for (const change of ['online', 'offline']) {
      addEventListener(change, () => {
        void this.cluster.refresh();
        this.changed();
      });
    }
    void this.cluster.refresh();
    if (session !== undefined) this.#enter(session);
  }

  /** The invitation to accept once the user has signed in, if any. */
  get invitation(): InvitationLink | undefined {
    return placeIn(location.hash).invitation;
  }

  /**
   * Checks an invitation. Returns undefined if no node could check it.
   * @throws {ChatError} if the invitation does not exist. It is first removed from the address bar.
   */
  async checkInvitation(token: string): Promise<CheckedInvitation | undefined> {
    try {
      return await checkInvitation(this.client, token);
    } catch (error) {
      history.replaceState(null, '', location.pathname);
      this.changed();
      throw error;
    }
  }

  /** Returns true if that user is known to be connected. A page that is not connected itself does not know. */
  isOnline(userId: number | undefined): boolean {
    return userId !== undefined && this.cluster.connection !== 'lost' && this.chat?.live.online.has(userId) === true;
  }

  /** Signs in by `login` or `register`, and shows the user's chats. With `isKept`, other tabs and later visits are signed in too. */
  async signIn(request: () => Promise<SignInResult>, isKept: boolean): Promise<void> {
    const session = { ...(await request()), isKept };
    saveSession(session);
    this.#enter(session);
  }

  /** Shows the chats of a user who has signed in. */
  #enter(session: StoredSession): void {
    const me: User = { id: session.user_id, username: session.username };
    const chat = new ChatState(this.client, me, () => localStorage, {
      changed: () => this.changed(),
      arrived: (message, conversation) => {
        this.announce(message, conversation);
        this.alerts?.arrived(message, conversation);
      },
      ended: (error) => this.leave(error),
      removed: (by, { name }) => {
        const text = () => chatTexts().systemMessages;
        this.show(() => `${name}: ${text().removed(by, text().youToo)}`);
      },
      undeliverable: (content) => this.show(() => chatTexts().undeliverable(plainText(content).slice(0, 100))),
    });
    this.chat = chat;
    this.alerts = new MessageAlerts(chat, () => localStorage);
    this.#session = session;
    this.endedBy = undefined;
    onForgotten(me.id, chat.signal, () => this.leave());
    chat.setVisible(document.visibilityState === 'visible');
    this.#openFromHash();
    chat.start().catch((error) => {
      if (this.chat === chat) this.leave(error);
    });
    this.changed();
  }

  /** Ends the session. `endedBy` is an error if the user did not end it. This device keeps nothing of a deleted account. */
  leave(endedBy?: unknown, isDeleted = endedBy instanceof ChatError && endedBy.code === 'user_not_found'): void {
    if (this.chat === undefined) return;
    if (endedBy !== undefined) this.chat.save();
    this.chat.stop();
    // An expired session is not a sign-out: the loaded chats stay for the next session.
    if (endedBy === undefined) {
      this.chat.forget();
      // The next user may not be in the group that was open.
      history.replaceState(null, '', location.pathname);
    }
    if (isDeleted) removeUserData(() => localStorage, this.chat.me.id);
    const isSignOut = endedBy === undefined || isDeleted;
    forgetSession(this.chat.me.id, isSignOut);
    this.endedFor = isSignOut ? undefined : this.chat.me.username;
    this.chat = undefined;
    this.#session = undefined;
    this.endedBy = endedBy;
    // If no node can be reached, the token expires by itself.
    this.client.logout().catch(() => {});
    this.changed();
  }

  /** Shows the user's new name. */
  renamed(username: string): void {
    if (this.chat !== undefined) this.chat.me.username = username;
    this.#update({ username });
  }

  /** Stores the client's new token after a change of password. */
  tokenChanged(): void {
    const { token } = this.client;
    if (token !== undefined) this.#update({ token });
  }

  /** The groups that do not alert the user. */
  get mutes(): ReadonlySet<number> {
    return this.alerts?.mutes ?? new Set();
  }

  /** Mutes or unmutes a group. A mention alerts even in a muted group. */
  mute(groupId: number, isMuted: boolean): void {
    this.alerts?.mute(groupId, isMuted);
    this.changed();
  }

  /** The notice under the bar. */
  get notice(): NoticeContent | undefined {
    return this.#notices.current;
  }

  /** Shows a notice. `text` returns it in the current language. */
  show(text: () => string): void {
    this.#notices.show(notice(text, 'info'));
  }

  /** Shows why something failed. Nothing is shown for an action that was cancelled. */
  failed(error: unknown): void {
    if (!this.endedWith(error)) this.show(() => errorText(error));
  }

  /** Returns true if the session has ended, so that the error is not shown. Ends the session if it has expired. */
  endedWith(error: unknown): boolean {
    if (this.chat === undefined || this.chat.signal.aborted) return true;
    const isExpired = error instanceof ChatError && error.status === 401;
    if (isExpired) this.leave(error);
    return isExpired;
  }

  #update(change: Partial<StoredSession>): void {
    if (this.#session === undefined) return;
    this.#session = { ...this.#session, ...change };
    saveSession(this.#session);
    this.changed();
  }

  #showNodes(nodes: readonly ClusterNode[]): void {
    const change = this.#clusterNotices.update(nodes);
    if (change?.tone === 'info') this.#notices.withdraw();
    if (change !== undefined) this.#notices.show(change);
    this.changed();
  }

  #openFromHash(): void {
    const { chat } = this;
    // The sign-in form shows an invitation.
    if (chat === undefined) {
      this.changed();
      return;
    }
    const { groupId, messageId, invitation } = placeIn(location.hash);
    this.target = messageId;
    if (invitation === undefined) chat.open(groupId).catch((error) => this.failed(error));
    else this.#accept(chat, invitation.token).catch((error) => this.failed(error));
    this.changed();
  }

  async #accept(chat: ChatState, token: string): Promise<void> {
    const { group_name } = await acceptInvitation(this.client, chat, token);
    this.show(() => chatTexts().joined(group_name));
  }
}
