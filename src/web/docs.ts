/** The script of /docs: filters the operations, copies commands, and sends requests to this node. */
import { noteIfAway } from './docs/away-note.ts';
import { showBest } from './docs/best-matches.ts';
import { prefillForms } from './docs/prefill-forms.ts';
import { search } from './docs/search.ts';
import { searchableParts } from './docs/searchable-parts.ts';
import { translatePage } from './docs/translation.ts';
import { sendForm } from './docs/try-it.ts';
import { docsTexts } from './i18n/texts.ts';
import { registerWorker } from './register-worker.ts';

const all = <E extends Element>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<E>(selector),
];
/** The address of this node as the browser reaches it, which may be through a proxy. */
const base = new URL('.', location.href).href.replace(/\/$/, '');
const COPIED_MS = 1500;
const MAX_BEST = 8;
const parts = searchableParts();

for (const span of all('.base')) span.textContent = base;
if (matchMedia('(max-width: 50rem)').matches) document.querySelector('.contents details')?.removeAttribute('open');

const filter = document.querySelector<HTMLInputElement>('#filter');
const matches = document.querySelector('#matches');
const update = () => show(filter?.value.trim() ?? '');
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
 * Shows only the operations, event kinds and chapters of the guide that the words find, and a list of the best ones. Hides a part
 * in which there is none, and the links to what is hidden.
 */
function show(wanted: string): void {
  const found = search(parts, wanted);
  for (const part of parts) {
    part.element.hidden = !found.includes(part);
    for (const link of all(`.contents a[href="#${part.id}"]`)) {
      link.parentElement?.toggleAttribute('hidden', part.element.hidden);
    }
  }
  for (const part of all<HTMLElement>('.part')) {
    part.hidden = all<HTMLElement>('section, li:not(section li)', part).every(({ hidden }) => hidden);
  }
  const shown = found.filter(({ kind }) => kind !== 'chapter').length;
  const count = parts.filter(({ kind }) => kind !== 'chapter').length;
  if (matches !== null) matches.textContent = wanted === '' ? '' : docsTexts().shown(shown, count);
  showBest(wanted === '' ? [] : found.slice(0, MAX_BEST));
}

for (const button of all<HTMLButtonElement>('button.copy')) {
  // Browsers offer the clipboard only to pages that came over TLS or from this machine.
  button.hidden = navigator.clipboard === undefined;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.previousElementSibling?.textContent ?? '');
    button.textContent = docsTexts().copied;
    setTimeout(() => {
      button.textContent = docsTexts().copy;
    }, COPIED_MS);
  });
}

for (const form of all<HTMLFormElement>('.try form')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (mayBeSent(form)) void sendForm(form, base);
  });
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
