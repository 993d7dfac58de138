/// <reference lib="dom" />
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { User } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import type { ChatState } from '../../../model/chat-state.ts';
import { choosePerson } from '../../../model/person-choice.ts';
import { useAfterPress } from './after-press.ts';
import { type PersonField, usePersonField } from './person-field.ts';

/** The maximum number of people that are offered. */
const MAX_OFFERED = 8;

/** The handling of the name in the field when the dialog is submitted. */
export interface PickerHandle {
  /** Chooses the person of the name in the field. Resolves to false if there is none, and the field says why. */
  settle(): Promise<boolean>;
  /** Returns true if the field is empty; otherwise the field says that its name has had no effect. */
  isEmpty(): boolean;
}

interface Props {
  chat: ChatState;
  label: string;
  /** Set to the handle of this field. */
  handle: { current: PickerHandle | null };
  /** Users that are not offered. */
  isExcluded: (user: User) => boolean;
  choose: (user: User) => Promise<void> | void;
  /** True if leaving the field chooses the person of the name in it: for a choice that can be undone. */
  choosesOnBlur?: boolean;
  /** Shown above the field. */
  children?: ComponentChildren;
}

/** A search field for users by part of their name. A name in the field is never dropped silently. */
export function PeoplePicker({ chat, label, handle, isExcluded, choose, choosesOnBlur, children }: Props) {
  const t = dialogTexts();
  const input = useRef<HTMLInputElement>(null);
  const { search, problem, edited, select, settle, isEmpty } = usePersonField({ chat, input, isExcluded, choose });
  const { term, found } = search;
  handle.current = { settle, isEmpty };
  const afterPress = useAfterPress();

  const others = (found ?? []).filter((user) => !isExcluded(user)).slice(0, MAX_OFFERED);
  const { selected, press } = useSelection(others, { term, select, settle });
  return (
    <div class="picker">
      <label for="people-search">{label}</label>
      {children}
      <input
        id="people-search"
        role="combobox"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        aria-expanded={others.length > 0}
        aria-controls="people-found"
        aria-autocomplete="list"
        aria-activedescendant={others[selected] && `person-${selected}`}
        aria-invalid={problem !== undefined}
        aria-describedby="people-problem"
        ref={input}
        onInput={edited}
        onKeyDown={press}
        onBlur={() => afterPress(() => void settle(choosesOnBlur === true))}
      />
      <div id="people-found" class="options" role="listbox" aria-label={label} hidden={others.length === 0}>
        {others.map((user, index) => (
          <Option key={user.id} index={index} user={user} isSelected={index === selected} select={select} />
        ))}
      </div>
      <p id="people-problem" class="error" role="alert">
        {problem?.()}
        {problem === undefined && found !== undefined && others.length === 0 && term !== ''
          ? t.unsettled[problemOf(term, found, isExcluded)](term)
          : ''}
      </p>
    </div>
  );
}

/** Moves through the offered people with the arrow keys. Enter chooses the selected one, or the person of the name in the field. */
function useSelection(others: readonly User[], field: Pick<PersonField, 'select' | 'settle'> & { term: string }) {
  const [selected, setSelected] = useState(-1);
  useEffect(() => setSelected(-1), [field.term]);
  const press = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const user = others[selected];
    if (move !== 0 && others.length > 0)
      setSelected((Math.max(selected, -move) + move + others.length) % others.length);
    else if (event.key === 'Enter') void (user === undefined ? field.settle() : field.select(user));
    else return;
    // Enter must not submit the surrounding dialog.
    event.preventDefault();
  };
  return { selected, press };
}

interface OptionProps {
  index: number;
  user: User;
  isSelected: boolean;
  select: (user: User) => Promise<void>;
}

/** A person who is offered. */
function Option({ index, user, isSelected, select }: OptionProps) {
  return (
    <button
      type="button"
      id={`person-${index}`}
      role="option"
      tabIndex={-1}
      aria-selected={isSelected}
      // The field keeps the focus.
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => void select(user)}
    >
      <bdi>{user.username}</bdi>
    </button>
  );
}

function problemOf(name: string, found: readonly User[], isExcluded: (user: User) => boolean) {
  const choice = choosePerson(name, found, isExcluded);
  return 'problem' in choice ? choice.problem : 'unknown';
}
