/// <reference lib="dom" />
import { useState } from 'preact/hooks';
import type { User } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { errorText } from '../../../../i18n/error-text.ts';
import type { ChatState } from '../../../model/chat-state.ts';
import { choosePerson } from '../../../model/person-choice.ts';
import { type PersonSearch, usePersonSearch } from './person-search.ts';

/** A field in which a user types the name of a person. */
export interface PersonField {
  search: PersonSearch;
  /** Why the name in the field has no effect, in the current language; undefined if it has one. */
  problem: (() => string) | undefined;
  /** To be called when the text of the field has changed. */
  edited(): void;
  /** Chooses a person who was found, and empties the field. */
  select(user: User): Promise<void>;
  /**
   * Chooses the person of the name in the field. Resolves to false if there is none, and the field says why. With `mayChoose` false,
   * it only shows that reason.
   */
  settle(mayChoose?: boolean): Promise<boolean>;
  /** Returns true if the field is empty; otherwise the field says that its name has had no effect. */
  isEmpty(): boolean;
}

interface Options {
  chat: ChatState;
  input: { current: HTMLInputElement | null };
  /** Users that are not offered. */
  isExcluded: (user: User) => boolean;
  choose: (user: User) => Promise<void> | void;
}

const searchFailed = () => dialogTexts().searchFailed;

/** Searches for the name in a field, and chooses the person whom it means. */
export function usePersonField({ chat, input, isExcluded, choose }: Options): PersonField {
  const [problem, setProblem] = useState<() => string>();
  const typed = () => input.current?.value.trim() ?? '';
  const say = (text: () => string) => setProblem(() => text);
  const search = usePersonSearch({ chat, typed, isExcluded, onFailure: () => say(searchFailed) });

  const write = (name: string) => {
    if (input.current !== null) input.current.value = name;
    search.start(name);
  };
  const select = async (user: User) => {
    const name = typed();
    write('');
    setProblem(undefined);
    try {
      await choose(user);
    } catch (error) {
      if (typed() === '') write(name);
      say(() => errorText(error));
    }
  };
  const settle = async (mayChoose = true): Promise<boolean> => {
    const name = typed();
    if (name === '') return true;
    const meant = await personMeant(name, { search, typed, isExcluded });
    if (meant === 'emptied') return true;
    if ('problem' in meant) say(meant.problem);
    else if (mayChoose) await select(meant.user);
    return 'user' in meant && mayChoose && typed() === '';
  };
  const isEmpty = () => {
    const name = typed();
    if (name !== '') say(() => dialogTexts().notAdded(name));
    return name === '';
  };
  const edited = () => {
    setProblem(undefined);
    search.start(typed());
  };
  return { search, problem, edited, select, settle, isEmpty };
}

type Meant = { user: User } | { problem: () => string } | 'emptied';

interface FieldState extends Pick<Options, 'isExcluded'> {
  search: PersonSearch;
  typed: () => string;
}

/** Finds the person whom a name means, or why it means none. `emptied`: the user has emptied the field in the meantime. */
async function personMeant(name: string, { search, typed, isExcluded }: FieldState): Promise<Meant> {
  try {
    const users = await search.find(name);
    const latest = typed();
    if (latest === '') return 'emptied';
    if (latest !== name) return { problem: () => dialogTexts().nameChanged(latest) };
    const choice = choosePerson(name, users, isExcluded);
    if ('user' in choice) return choice;
    search.show(users);
    return { problem: () => dialogTexts().unsettled[choice.problem](name) };
  } catch {
    return { problem: searchFailed };
  }
}
