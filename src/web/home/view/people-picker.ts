import type { User } from '../../../client/index.ts';
import { arrange, button, make } from './elements.ts';

/** Pause after the last key before a search, in milliseconds: one request a word, not one a letter. */
const TYPING_MS = 200;

/** A field that finds users by a part of their name and calls back for the chosen one; `chosen` is shown above it. */
export function peoplePicker(
  label: string,
  search: (name: string) => Promise<User[]>,
  choose: (user: User) => void,
  chosen?: HTMLElement,
): HTMLElement {
  const { caption, input } = searchField(label);
  const found = make('ul', { class: 'people' });
  found.setAttribute('aria-live', 'polite');
  const take = (user: User) => {
    input.value = '';
    arrange(found, []);
    input.focus();
    choose(user);
  };
  const look = async () => {
    const asked = input.value.trim();
    const users = asked === '' ? [] : await search(asked).catch(() => undefined);
    // A later word has been typed meanwhile: its answer is the one to show.
    if (asked !== input.value.trim()) return;
    const choice = (user: User) =>
      make(
        'li',
        {},
        button(`+ ${user.username}`, 'quiet small', () => take(user)),
      );
    const nobody = users === undefined ? 'No node has answered: try again' : 'Nobody else of that name';
    if (users?.length || asked === '') arrange(found, (users ?? []).map(choice));
    else arrange(found, [make('li', { class: 'hint', text: nobody })]);
  };
  onTyping(input, () => void look());
  return make('div', { class: 'picker' }, caption, ...(chosen === undefined ? [] : [chosen]), input, found);
}

function searchField(label: string): { caption: HTMLLabelElement; input: HTMLInputElement } {
  const input = make('input', { id: 'people-search' });
  const caption = make('label', { text: label });
  caption.htmlFor = input.id;
  input.type = 'search';
  input.autocomplete = 'off';
  return { caption, input };
}

/** Calls when the typing pauses, and at once on Enter, which must not submit the dialog around the field. */
function onTyping(input: HTMLInputElement, look: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(look, TYPING_MS);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    clearTimeout(timer);
    look();
  });
}
