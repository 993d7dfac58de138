import { useEffect, useRef, useState } from 'preact/hooks';
import type { User } from '../../../../../client/index.ts';
import type { ChatState } from '../../../model/chat-state.ts';
import { choosePerson } from '../../../model/person-choice.ts';
import { useView } from '../../context.ts';

/** Delay after the last keystroke before a search, in milliseconds: one request per word, not per letter. */
const TYPING_MS = 200;

/** A search for users by part of their name. */
export interface PersonSearch {
  /** The name that is searched for; empty if there is none. */
  term: string;
  /** The users of this name; undefined until they are found. */
  found: readonly User[] | undefined;
  /** Searches for a name unless another one is typed in the next moment. */
  start(name: string): void;
  /** Returns the users of a name. The latest search is shared. */
  find(name: string): Promise<User[]>;
  /** Shows users as those that were found. */
  show(users: readonly User[]): void;
}

interface Options {
  chat: ChatState;
  /** Returns the name in the field. */
  typed: () => string;
  /** Users that are not offered. */
  isExcluded: (user: User) => boolean;
  onFailure: () => void;
}

/** Searches for the users of the name in a field while it is typed. */
export function usePersonSearch({ chat, typed, isExcluded, onFailure }: Options): PersonSearch {
  const { app } = useView();
  const [term, start] = useState('');
  const [found, show] = useState<readonly User[]>();
  const latest = useRef<{ name: string; users: Promise<User[]> }>(null);
  const find = (name: string) => {
    if (latest.current?.name === name) return latest.current.users;
    const users = app.client.users(name, { limit: 20, signal: chat.signal, deadlineMs: 10_000 });
    latest.current = { name, users };
    // The next search asks again: a person who was not found may have registered by then.
    const forget = () => {
      if (latest.current?.users === users) latest.current = null;
    };
    users.then((people) => 'problem' in choosePerson(name, people, isExcluded) && forget(), forget);
    return users;
  };
  useEffect(() => {
    show(undefined);
    if (term === '') return;
    const showLatest = (users: User[]) => {
      // Only the result of the latest name is shown.
      if (typed() === term) show(users);
    };
    const timer = setTimeout(() => find(term).then(showLatest, onFailure), TYPING_MS);
    return () => clearTimeout(timer);
  }, [term]);
  return { term, found, start, find, show };
}
