import type { User } from '../../../client/index.ts';
import { button, createElement, setChildren } from './elements.ts';

/** Delay after the last keystroke before a search, in milliseconds: one request per word, not per letter. */
const TYPING_MS = 200;

/** Creates a search field for users. Calls `choose` with the selected user and shows `chosen` above the field. */
export function peoplePicker(
  label: string,
  search: (name: string) => Promise<User[]>,
  choose: (user: User) => void,
  chosen?: HTMLElement,
): HTMLElement {
  const { caption, input } = searchField(label);
  const found = createElement('ul', { class: 'people' });
  found.setAttribute('aria-live', 'polite');
  const select = (user: User) => {
    input.value = '';
    setChildren(found, []);
    input.focus();
    choose(user);
  };
  const find = async () => {
    const term = input.value.trim();
    const users = term === '' ? [] : await search(term).catch(() => undefined);
    // The term has changed meanwhile: only the result of the latest one is shown.
    if (term !== input.value.trim()) return;
    const choice = (user: User) =>
      createElement(
        'li',
        {},
        button(`+ ${user.username}`, 'secondary small', () => select(user)),
      );
    const emptyText = users === undefined ? "Can't connect. Try again." : 'No other user has that name.';
    if (users?.length || term === '') setChildren(found, (users ?? []).map(choice));
    else setChildren(found, [createElement('li', { class: 'hint', text: emptyText })]);
  };
  onTyping(input, () => void find());
  return createElement('div', { class: 'picker' }, caption, ...(chosen === undefined ? [] : [chosen]), input, found);
}

function searchField(label: string): { caption: HTMLLabelElement; input: HTMLInputElement } {
  const input = createElement('input', { id: 'people-search' });
  const caption = createElement('label', { text: label });
  caption.htmlFor = input.id;
  input.type = 'search';
  input.autocomplete = 'off';
  return { caption, input };
}

/** Calls `onPause` when typing pauses, and at once on Enter, which must not submit the surrounding dialog. */
function onTyping(input: HTMLInputElement, onPause: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(onPause, TYPING_MS);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    clearTimeout(timer);
    onPause();
  });
}
