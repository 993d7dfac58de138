/** The script of /docs: filters the operations, copies commands, and sends requests to this node. */

import { docsTexts } from '../i18n/texts.ts';
import { registerWorker } from '../worker/register-worker.ts';
import { noteIfAway } from './away-note.ts';
import { showBest } from './best-matches.ts';
import { fillInSent, prefillForms } from './prefill-forms.ts';
import { inEnglish, search } from './search.ts';
import { searchableParts } from './searchable-parts.ts';
import { translatePage } from './translation.ts';
import { sendForm, showCommand } from './try-it.ts';

const all = <E extends Element>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<E>(selector),
];
/** The address of this node as the browser reaches it, which may be through a proxy. */
const base = new URL('.', location.href).href.replace(/\/$/, '');
const COPIED_MS = 1500;
const MAX_BEST = 8;
const SCHEMAS = 'section[id^="schema-"]';
const parts = searchableParts();

if (matchMedia('(max-width: 50rem)').matches) document.querySelector('.contents details')?.removeAttribute('open');

const filter = document.querySelector<HTMLInputElement>('#filter');
const matches = document.querySelector('#matches');
const update = () => show(inEnglish(filter?.value.trim() ?? '', docsTexts().words));
filter?.addEventListener('input', update);
filter?.addEventListener('keydown', ({ key }) => {
  if (key === 'Enter') document.querySelector<HTMLElement>('#best a')?.click();
});
document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof Element && event.target.matches('input, textarea, select');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  filter?.focus();
});

/**
 * Shows only the operations, event kinds and chapters of the guide that match the words, the schemas that these refer to, and a
 * list of the best ones. Hides parts without a match, and links to hidden elements.
 */
function show(wanted: string): void {
  const found = search(parts, wanted);
  for (const part of parts) part.element.hidden = !found.includes(part);
  const schemas = wanted === '' ? undefined : schemasOf(found.map(({ element }) => element));
  for (const schema of all<HTMLElement>(SCHEMAS)) schema.hidden = schemas?.has(schema) === false;
  hideEmptyParts('main');
  for (const link of all<HTMLAnchorElement>('.contents a')) {
    const isHidden = document.querySelector(link.hash)?.closest('[hidden]') != null;
    link.parentElement?.toggleAttribute('hidden', isHidden);
  }
  hideEmptyParts('.contents');
  const { shown, nothingFound } = docsTexts();
  const counts = found.length === 0 ? nothingFound : shown(found.length, parts.length);
  if (matches !== null) matches.textContent = wanted === '' ? '' : counts;
  showBest(wanted === '' ? [] : found.slice(0, MAX_BEST));
}

function hideEmptyParts(within: string): void {
  for (const part of all<HTMLElement>(`${within} .part`)) {
    part.hidden = all<HTMLElement>('section, li:not(section li)', part).every(({ hidden }) => hidden);
  }
}

/** Returns the schemas to which these elements link, and those to which these schemas link. */
function schemasOf(elements: readonly Element[]): Set<Element> {
  const schemas = new Set<Element>();
  for (const element of elements) addLinked(element);
  // The loop also visits the schemas that it adds.
  for (const schema of schemas) addLinked(schema);
  return schemas;

  function addLinked(element: Element): void {
    for (const { hash } of all<HTMLAnchorElement>('a[href^="#schema-"]', element)) {
      const schema = document.querySelector(hash);
      if (schema !== null) schemas.add(schema);
    }
  }
}

for (const button of all<HTMLButtonElement>('button.copy')) {
  // Browsers offer the clipboard only to pages that came over TLS or from this machine.
  button.hidden = navigator.clipboard === undefined;
  button.addEventListener('click', () => void copy(button));
}

/** Copies the command beside a button. Selects it if the browser refuses, so that the user can copy it. */
async function copy(button: HTMLButtonElement): Promise<void> {
  const command = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(command?.textContent ?? '');
  } catch {
    if (command !== null) getSelection()?.selectAllChildren(command);
    return;
  }
  button.textContent = docsTexts().copied;
  setTimeout(() => {
    button.textContent = docsTexts().copy;
  }, COPIED_MS);
}

for (const form of all<HTMLFormElement>('.try form')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (mayBeSent(form)) void sendForm(form, base).then(fillInSent);
  });
  form.addEventListener('input', () => showCommand(form, base));
  showCommand(form, base);
}

/** Asks before a request that cannot be undone: the forms name the signed-in user, and a click on "Send" may be curiosity. */
function mayBeSent({ dataset: { method = '', path = '' } }: HTMLFormElement): boolean {
  const isFinal = method === 'DELETE' || path === '/delete-account' || path === '/fall';
  return !isFinal || confirm(docsTexts().sure(`${method} ${path}`));
}

registerWorker();
const showSession = prefillForms(base);
const showAway = noteIfAway(base);
translatePage(() => {
  showSession();
  showAway();
  update();
});
