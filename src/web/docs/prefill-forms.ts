/// <reference lib="dom" />
import { docsTexts } from '../i18n/texts.ts';
import { loadSession } from '../shared/stored-session.ts';

/** Fields that name the user who acts. */
const OWN_ID = ['userId', 'user_id', 'creatorId'];

/** Uses the session of the chat page of this tab in the forms. Returns a function that shows who is signed in. */
export function prefillForms(base: string): () => void {
  const session = loadSession();
  const panel = document.querySelector<HTMLElement>('#session');
  const token = document.querySelector<HTMLInputElement>('#token');
  let isOpen = false;
  const show = () => {
    const t = docsTexts();
    const signedOut = isOpen ? t.signedOutOpen : t.signedOut;
    const text = session === undefined ? signedOut : t.signedIn(session.username, session.user_id);
    document.querySelector('#signed-in')?.replaceChildren(text);
  };
  if (panel === null || token === null) return show;
  panel.hidden = false;
  if (session !== undefined) {
    token.value = session.token ?? '';
    fillIn(session.user_id);
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

function fillIn(userId: number): void {
  for (const name of OWN_ID) {
    for (const input of document.querySelectorAll<HTMLInputElement>(`.try input[name="${name}"]`)) {
      if (input.value !== '') input.value = String(userId);
    }
  }
  for (const area of document.querySelectorAll<HTMLTextAreaElement>('.try textarea[data-in="body"]')) {
    const body = JSON.parse(area.value);
    for (const name of OWN_ID) if (name in body) body[name] = userId;
    area.value = JSON.stringify(body, null, 1);
  }
}
