/** The script of /docs: filters the operations, copies commands, and sends requests to this node. */
import { noteIfAway } from './docs/away-note.ts';
import { prefillForms } from './docs/prefill-forms.ts';
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

for (const span of all('.base')) span.textContent = base;
if (matchMedia('(max-width: 50rem)').matches) document.querySelector('.contents details')?.removeAttribute('open');

const filter = document.querySelector<HTMLInputElement>('#filter');
const matches = document.querySelector('#matches');
const update = () => show(filter?.value.trim().toLowerCase() ?? '');
filter?.addEventListener('input', update);
document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof Element && event.target.matches('input, textarea, select');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  filter?.focus();
});

/** Shows only the operations and the chapters of the guide that contain all these words. Hides a part in which none does, and the links to what is hidden. */
function show(wanted: string): void {
  const words = wanted.split(/\s+/);
  const sections = all<HTMLElement>('section[data-text]');
  for (const section of sections) {
    section.hidden = !words.every((word) => (section.dataset.text ?? '').includes(word));
    for (const link of all(`.contents a[href="#${section.id}"]`)) {
      link.parentElement?.toggleAttribute('hidden', section.hidden);
    }
  }
  for (const chapter of all<HTMLElement>('.chapter')) {
    const text = chapter.textContent?.toLowerCase() ?? '';
    chapter.hidden = !words.every((word) => text.includes(word));
    for (const link of all(`.contents a[href="#${chapter.querySelector('h2')?.id}"]`)) {
      link.parentElement?.toggleAttribute('hidden', chapter.hidden);
    }
  }
  for (const part of all<HTMLElement>('.part')) {
    part.hidden = all<HTMLElement>('section, li:not(section li)', part).every(({ hidden }) => hidden);
  }
  const shown = sections.filter(({ hidden }) => !hidden).length;
  if (matches !== null) matches.textContent = wanted === '' ? '' : docsTexts().shown(shown, sections.length);
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
