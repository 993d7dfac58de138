import type { User } from '../../client/index.ts';
import { arrange, button, make } from './elements.ts';

/** Pause after the last key before a search, in milliseconds: one request a word, not one a letter. */
const TYPING_MS = 200;

/** A field that finds users by a part of their name and calls back for the chosen one. */
export function peoplePicker(
  label: string,
  search: (name: string) => Promise<User[]>,
  choose: (user: User) => void,
): HTMLElement {
  const id = 'people-search';
  const input = make('input', { id });
  const found = make('ul', { class: 'people' });
  const caption = make('label', { text: label });
  caption.htmlFor = id;
  input.type = 'search';
  input.autocomplete = 'off';
  found.setAttribute('aria-live', 'polite');
  let timer: ReturnType<typeof setTimeout> | undefined;

  const show = async () => {
    const asked = input.value.trim();
    const users = asked === '' ? [] : await search(asked).catch(() => []);
    if (asked !== input.value.trim()) return;
    const choices = users.map((user) => {
      const press = () => {
        input.value = '';
        arrange(found, []);
        input.focus();
        choose(user);
      };
      return make('li', {}, button(`+ ${user.username}`, 'quiet small', press));
    });
    const nobody = asked !== '' && choices.length === 0 ? [make('li', { text: 'Nobody of that name' })] : [];
    arrange(found, [...choices, ...nobody]);
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void show(), TYPING_MS);
  });
  // Enter in this field looks for people; it must not submit the dialog around it.
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    void show();
  });
  return make('div', { class: 'picker' }, caption, input, found);
}
