/// <reference lib="dom" />
import { ChatClient, ChatError, type SignInResult } from '../client/index.ts';
import { DutyReport } from './home/model/cluster-notices.ts';
import { ClusterWatch } from './home/model/cluster-watch.ts';
import { keepSession, keptSession } from './home/model/kept-session.ts';
import { ChatPage } from './home/view/chat-page.ts';
import { Dialog } from './home/view/dialog.ts';
import { part } from './home/view/elements.ts';
import { NodeBar } from './home/view/node-bar.ts';
import { Notice } from './home/view/notice.ts';
import { SignIn } from './home/view/sign-in.ts';

const account = part('account', HTMLDivElement);
const accountName = part('account-name', HTMLSpanElement);
const bar = new NodeBar();
const notice = new Notice();
const dialog = new Dialog();
const duty = new DutyReport();
const kept = keptSession();
let servedBy: string | undefined;
let page: ChatPage | undefined;

const client = new ChatClient({
  // The folder of this page: a proxy may have put the node under a path of its own.
  urls: [new URL('.', location.href).href],
  ...(kept?.token === undefined ? {} : { token: kept.token }),
  ...(kept === undefined ? {} : { userId: kept.user_id }),
  onConnection: ({ use, url, state }) => {
    if (use === 'read') servedBy = state === 'connected' ? url : undefined;
    void watch.look();
  },
});

const watch = new ClusterWatch(client, (nodes) => {
  bar.show(nodes, watch.nameOf(servedBy));
  tellMode();
  const report = duty.see(nodes);
  if (report !== undefined) notice.show(report);
});

const signIn = new SignIn(client, (session) => {
  keepSession(session);
  enter(session);
});

/** What the page says of names and passwords goes by the nodes' mode: base.css shows the words that are true in it. */
function tellMode(): void {
  if (watch.auth === undefined) return;
  document.documentElement.dataset.auth = watch.auth;
  signIn.askFor(watch.auth);
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
  keepSession(undefined);
  // Where nobody can be told, the token runs out by itself.
  client.logout().catch(() => {});
  signIn.show(error === undefined ? '' : reasonOf(error));
}

function reasonOf(error: unknown): string {
  if (error instanceof ChatError && error.status === 401) return 'Your session is over: sign in again.';
  return error instanceof Error ? error.message : String(error);
}

part('sign-out', HTMLButtonElement).addEventListener('click', () => leave());
document.addEventListener('visibilitychange', () => void watch.look());
void watch.look();
if (kept === undefined) signIn.show();
else enter(kept);
