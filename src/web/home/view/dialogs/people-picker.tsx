/// <reference lib="dom" />
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { User } from '../../../../client/index.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import type { Chat } from '../../model/chat.ts';
import { useView } from '../context.ts';

/** Delay after the last keystroke before a search, in milliseconds: one request per word, not per letter. */
const TYPING_MS = 200;

interface Props {
  chat: Chat;
  label: string;
  /** Users that are not offered. */
  isExcluded: (user: User) => boolean;
  choose: (user: User) => void;
  /** Shown above the field. */
  children?: ComponentChildren;
}

/** A search field for users by part of their name. */
export function PeoplePicker({ chat, label, isExcluded, choose, children }: Props) {
  const { app } = useView();
  const t = dialogTexts();
  const input = useRef<HTMLInputElement>(null);
  const [term, setTerm] = useState('');
  /** Undefined before the result. */
  const [found, setFound] = useState<User[] | 'failed'>();
  const find = async (wanted: string) => {
    const users = await app.client.users(wanted, { limit: 20, signal: chat.signal }).catch(() => 'failed' as const);
    // Only the result of the latest term is shown.
    if (wanted === input.current?.value.trim()) setFound(users);
  };
  useEffect(() => {
    setFound(undefined);
    if (term === '') return;
    const timer = setTimeout(() => void find(term), TYPING_MS);
    return () => clearTimeout(timer);
  }, [term]);
  const select = (user: User) => {
    setTerm('');
    if (input.current !== null) input.current.value = '';
    input.current?.focus();
    choose(user);
  };
  const others = Array.isArray(found) ? found.filter((user) => !isExcluded(user)).slice(0, 8) : [];
  return (
    <div class="picker">
      <label for="people-search">{label}</label>
      {children}
      <input
        id="people-search"
        type="search"
        autocomplete="off"
        ref={input}
        onInput={({ currentTarget }) => setTerm(currentTarget.value.trim())}
        onKeyDown={(event) => {
          // Enter searches at once; it must not submit the surrounding dialog.
          if (event.key !== 'Enter' || event.isComposing) return;
          event.preventDefault();
          if (term !== '') void find(term);
        }}
      />
      <ul class="people" aria-live="polite">
        {found === 'failed' && <li class="hint">{t.searchFailed}</li>}
        {others.map((user) => (
          <li key={user.id}>
            <button type="button" class="secondary small" onClick={() => select(user)}>
              + <bdi>{user.username}</bdi>
            </button>
          </li>
        ))}
        {Array.isArray(found) && others.length === 0 && <li class="hint">{t.nobodyElse}</li>}
      </ul>
    </div>
  );
}
