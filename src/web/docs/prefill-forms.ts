/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { loadSession, type StoredSession } from '../shared/stored-session.ts';

/** Fields that name the user who acts. */
const OWN_ID = ['userId', 'user_id', 'creatorId'];
/** Fields that name a group: the user may not be in the group of the example. */
const GROUP_ID = ['groupId', 'group_id'];
/** Fields that name a message: the message of the example may be another user's. */
const MESSAGE_ID = ['messageId', 'message_id'];

/** Fills in the forms from the session of this tab's chat page. Returns a function that shows who is signed in. */
export function prefillForms(base: string): () => void {
  const session = loadSession();
  const panel = document.querySelector<HTMLElement>('#session');
  const token = document.querySelector<HTMLInputElement>('#token');
  let isOpen = false;
  /** The most recently active chat of the user; null if there is none, undefined until it is known. */
  let chat: { id: number; name: string } | null | undefined;
  /** True once the id of the user's last message in that chat is filled in. */
  let hasMessage = false;
  const show = () => {
    const t = docsTexts();
    const signedOut = isOpen ? t.signedOutOpen : t.signedOut;
    const text = session === undefined ? signedOut : t.signedIn(session.username, session.user_id);
    const ofChat = chat === undefined ? '' : chat === null ? t.noChat : t.firstChat(chat.name, chat.id);
    document.querySelector('#signed-in')?.replaceChildren(text + ofChat + (hasMessage ? t.lastMessage : ''));
  };
  if (panel === null || token === null) return show;
  panel.hidden = false;
  if (session !== undefined) {
    token.value = session.token ?? '';
    fillIn(OWN_ID, session.user_id);
    fillIn(MESSAGE_ID, '');
    void firstChat(base, session).then((found) => {
      chat = found;
      fillIn(GROUP_ID, chat === null ? '' : chat?.id);
      show();
      if (!chat) return;
      void lastSent(base, session, chat.id).then((id) => {
        fillIn(MESSAGE_ID, id);
        hasMessage = id !== undefined;
        show();
      });
    });
  }
  void isAuthOpen(base).then((found) => {
    isOpen = found;
    // With AUTH=open there are no tokens.
    if (isOpen) for (const part of panel.querySelectorAll<HTMLElement>('label, input')) part.hidden = true;
    show();
  });
  return show;
}

/** Fills in the message that a response names: the next request is often about it. */
export function fillInSent(response: unknown): void {
  const id = (response as { message_id?: unknown } | undefined)?.message_id;
  if (typeof id === 'number') fillIn(MESSAGE_ID, id);
}

async function isAuthOpen(base: string): Promise<boolean> {
  const health = await fetch(`${base}/health`)
    .then((response) => response.json())
    .catch(() => undefined);
  return health?.auth === 'open';
}

async function firstChat(base: string, session: StoredSession) {
  const found = await read<{ chats?: { id: number; name: string }[] }>(`${base}/chats?`, session);
  return found?.chats && (found.chats[0] ?? null);
}

/** Returns the id of the last message that the user has sent to a chat. */
async function lastSent(base: string, session: StoredSession, chat: number): Promise<number | undefined> {
  const query = `groupId=${chat}&limit=100&`;
  const found = await read<{ messages?: { id: number; sender_id: number }[] }>(`${base}/messages?${query}`, session);
  return found?.messages?.findLast(({ sender_id }) => sender_id === session.user_id)?.id;
}

async function read<Found>(address: string, { user_id, token }: StoredSession): Promise<Found | undefined> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  try {
    return (await (await fetch(`${address}userId=${user_id}`, { headers })).json()) as Found;
  } catch {
    return undefined;
  }
}

/** Sets the fields with these names, where the example has a value. */
function fillIn(names: readonly string[], value: number | '' | undefined): void {
  if (value === undefined) return;
  for (const name of names) {
    for (const input of document.querySelectorAll<HTMLInputElement>(`.try input[name="${name}"]`)) {
      if (input.defaultValue !== '') set(input, String(value));
    }
  }
  for (const area of document.querySelectorAll<HTMLTextAreaElement>('.try textarea[data-in="body"]')) {
    const body = parsed(area.value);
    const known = names.filter((name) => name in body);
    for (const name of known) body[name] = value;
    if (known.length > 0) set(area, JSON.stringify(body, null, 1));
  }
}

/** Sets a field as if the user had typed, so that the curl command is updated too. */
function set(field: HTMLInputElement | HTMLTextAreaElement, value: string): void {
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}

/** Returns the object in a body; an empty one while the user is editing and it is not valid JSON. */
function parsed(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
