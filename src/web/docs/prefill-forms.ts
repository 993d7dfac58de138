/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { loadSession, type StoredSession } from '../shared/stored-session.ts';

/** Fields that name the user who acts. */
const OWN_ID = ['userId', 'user_id', 'creatorId'];
/** Fields that name a group: the example's may be one that the user is not in. */
const GROUP_ID = ['groupId', 'group_id'];

/** Fills in the forms from the session of this tab's chat page. Returns a function that shows who is signed in. */
export function prefillForms(base: string): () => void {
  const session = loadSession();
  const panel = document.querySelector<HTMLElement>('#session');
  const token = document.querySelector<HTMLInputElement>('#token');
  let isOpen = false;
  /** The most recently active chat of the user; null if there is none, undefined until it is known. */
  let chat: { id: number; name: string } | null | undefined;
  const show = () => {
    const t = docsTexts();
    const signedOut = isOpen ? t.signedOutOpen : t.signedOut;
    const text = session === undefined ? signedOut : t.signedIn(session.username, session.user_id);
    const ofChat = chat === undefined ? '' : chat === null ? t.noChat : t.firstChat(chat.name, chat.id);
    document.querySelector('#signed-in')?.replaceChildren(text + ofChat);
  };
  if (panel === null || token === null) return show;
  panel.hidden = false;
  if (session !== undefined) {
    token.value = session.token ?? '';
    fillIn(OWN_ID, session.user_id);
    void firstChat(base, session).then((found) => {
      chat = found;
      fillIn(GROUP_ID, chat === null ? '' : chat?.id);
      show();
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

async function isAuthOpen(base: string): Promise<boolean> {
  const health = await fetch(`${base}/health`)
    .then((response) => response.json())
    .catch(() => undefined);
  return health?.auth === 'open';
}

async function firstChat(base: string, { user_id, token }: StoredSession) {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  try {
    const response = await fetch(`${base}/chats?userId=${user_id}`, { headers });
    const { chats } = (await response.json()) as { chats?: { id: number; name: string }[] };
    return chats && (chats[0] ?? null);
  } catch {
    return undefined;
  }
}

/** Sets these fields where the examples have a value. */
function fillIn(names: readonly string[], value: number | '' | undefined): void {
  if (value === undefined) return;
  for (const name of names) {
    for (const input of document.querySelectorAll<HTMLInputElement>(`.try input[name="${name}"]`)) {
      if (input.value !== '') input.value = String(value);
    }
  }
  for (const area of document.querySelectorAll<HTMLTextAreaElement>('.try textarea[data-in="body"]')) {
    const body = JSON.parse(area.value);
    for (const name of names) if (name in body) body[name] = value;
    area.value = JSON.stringify(body, null, 1);
  }
}
