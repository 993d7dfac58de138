/// <reference lib="dom" />

import { ChatClient, ChatError, type SignInResult } from '../client/index.ts';
import { messageOf } from '../message-of.ts';
import { ClusterNotices } from './home/model/cluster-notices.ts';
import { ClusterWatch } from './home/model/cluster-watch.ts';
import { loadSession, saveSession } from './home/model/stored-session.ts';
import { ChatPage } from './home/view/chat-page.ts';
import { Dialog } from './home/view/dialog.ts';
import { elementById } from './home/view/elements.ts';
import { NodeBar } from './home/view/node-bar.ts';
import { Notice } from './home/view/notice.ts';
import { SignIn } from './home/view/sign-in.ts';

const account = elementById('account', HTMLDivElement);
const accountName = elementById('account-name', HTMLSpanElement);
const bar = new NodeBar();
const notice = new Notice();
const dialog = new Dialog();
const clusterNotices = new ClusterNotices();
const storedSession = loadSession();
let servedBy: string | undefined;
let page: ChatPage | undefined;

const client = new ChatClient({
  // Relative to this page: a proxy may serve the node under a path prefix.
  urls: [new URL('.', location.href).href],
  ...(storedSession?.token === undefined ? {} : { token: storedSession.token }),
  ...(storedSession === undefined ? {} : { userId: storedSession.user_id }),
  onConnection: ({ use, url, state }) => {
    if (use === 'read') servedBy = state === 'connected' ? url : undefined;
    void watch.refresh();
  },
});

const watch = new ClusterWatch(client, (nodes) => {
  bar.show(nodes, watch.nameOf(servedBy));
  applyAuthMode();
  const content = clusterNotices.update(nodes);
  if (content !== undefined) notice.show(content);
});

const signIn = new SignIn(client, (session) => {
  saveSession(session);
  enter(session);
});

/** Shows the texts for the nodes' authentication mode; base.css hides those of the other mode. */
function applyAuthMode(): void {
  if (watch.auth === undefined) return;
  document.documentElement.dataset.auth = watch.auth;
  signIn.setAuthMode(watch.auth);
}

function enter({ user_id: id, username }: SignInResult): void {
  const opened = new ChatPage(client, { id, username }, dialog, notice, leave);
  page = opened;
  account.hidden = false;
  accountName.textContent = username;
  opened.open().catch((error) => {
    if (page === opened) leave(error);
  });
}

function leave(error?: unknown): void {
  page?.close();
  page = undefined;
  account.hidden = true;
  saveSession(undefined);
  // If no node can be reached, the token expires by itself.
  client.logout().catch(() => {});
  signIn.show(error === undefined ? '' : errorText(error));
}

function errorText(error: unknown): string {
  if (error instanceof ChatError && error.status === 401) return 'Your session has expired. Sign in again.';
  return messageOf(error);
}

elementById('sign-out', HTMLButtonElement).addEventListener('click', () => leave());
document.addEventListener('visibilitychange', () => void watch.refresh());
void watch.refresh();
if (storedSession === undefined) signIn.show();
else enter(storedSession);
