/// <reference lib="dom" />
import { loadSession } from '../shared/stored-session.ts';

/** Fields that name the user who acts. */
const OWN_ID = ['userId', 'user_id', 'creatorId'];

/** Shows who is signed in on the chat page of this tab, and uses the session in the forms. */
export function useSession(base: string): void {
  const session = loadSession();
  const panel = document.querySelector<HTMLElement>('#session');
  const sentence = document.querySelector('#signed-in');
  const token = document.querySelector<HTMLInputElement>('#token');
  if (panel === null || sentence === null || token === null) return;
  panel.hidden = false;
  if (session !== undefined) {
    sentence.textContent = `You are signed in as ${session.username} (user ${session.user_id}): “Try it” sends requests as this user.`;
    token.value = session.token ?? '';
    fillIn(session.user_id);
  } else {
    sentence.textContent = 'Sign in on the chat page, and “Try it” sends requests as you.';
  }
  void hideTokenIfOpen(base, panel, session !== undefined);
}

/** With AUTH=open there are no tokens. */
async function hideTokenIfOpen(base: string, panel: HTMLElement, isSignedIn: boolean): Promise<void> {
  const health = await fetch(`${base}/health`)
    .then((response) => response.json())
    .catch(() => undefined);
  if (health?.auth !== 'open') return;
  for (const part of panel.querySelectorAll<HTMLElement>('label, input')) part.hidden = true;
  const sentence = panel.querySelector('#signed-in');
  if (!isSignedIn && sentence !== null)
    sentence.textContent = 'No token is needed here. Sign in on the chat page, and “Try it” uses your user id.';
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
