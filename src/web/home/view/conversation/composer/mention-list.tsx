/// <reference lib="dom" />
import { useState } from 'preact/hooks';
import { foldedName } from '../../../../../text/folded-name.ts';
import { chatTexts } from '../../../../i18n/texts.ts';
import type { Conversation } from '../../../model/messages/conversation.ts';
import { shownName } from '../../../model/user-names.ts';

/** The maximum number of suggested names. */
const MAX_SUGGESTIONS = 6;
/** The text between an @ and the cursor. A name may contain a space, but text after a second space no longer belongs to it. */
const BEFORE_CURSOR = /(?:^|[^\p{L}\p{N}_@])@([^\s@]*(?: [^\s@]+)?)$/u;

/** The completion of mentions in a text field. */
export interface Mentions {
  names: string[];
  selected: number;
  attributes: Record<string, string>;
  update(field: HTMLTextAreaElement): void;
  close(): void;
  select(index: number): void;
  /** Handles the keys of the list. Returns true if the key is used. */
  press(event: KeyboardEvent, choose: (name: string) => void): boolean;
}

/** Completes the names of the other members of a group. */
export function useMentions({ group }: Conversation, me: number): Mentions {
  const [names, setNames] = useState<string[]>([]);
  const [selected, select] = useState(0);
  const close = () => setNames([]);
  const isOpen = names.length > 0;
  return {
    names,
    selected,
    close,
    select,
    attributes: {
      'aria-autocomplete': 'list',
      'aria-haspopup': 'listbox',
      'aria-controls': 'mentions',
      ...(isOpen && { 'aria-activedescendant': `mention-${selected}` }),
    },
    update(field) {
      const part = partBefore(field);
      const others =
        part === undefined
          ? []
          : group.members.filter(({ id, username }) => id !== me && shownName(username, id) === username);
      setNames(
        matching(
          others.map(({ username }) => username),
          part ?? '',
        ),
      );
      select(0);
    },
    press(event, choose) {
      if (!isOpen) return false;
      const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
      const name = names[selected];
      if (move !== 0) select((selected + move + names.length) % names.length);
      else if ((event.key === 'Enter' || event.key === 'Tab') && name !== undefined) choose(name);
      else if (event.key === 'Escape') close();
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

function matching(names: readonly string[], part: string): string[] {
  const wanted = foldedName(part);
  const found = names.filter((name) => foldedName(name).includes(wanted));
  // The name is complete: Enter must send the message.
  if (found.length === 1 && found[0]?.toLowerCase() === part.toLowerCase()) return [];
  const rank = (name: string) => Number(!foldedName(name).startsWith(wanted));
  return found.sort((one, other) => rank(one) - rank(other) || one.localeCompare(other)).slice(0, MAX_SUGGESTIONS);
}

function partBefore({ value, selectionStart }: HTMLTextAreaElement): string | undefined {
  return BEFORE_CURSOR.exec(value.slice(0, selectionStart))?.[1];
}

/** Replaces the typed part of a mention with the whole name, and returns the new text of the field. */
export function insertMention(field: HTMLTextAreaElement, name: string): string {
  const { value, selectionStart } = field;
  const part = partBefore(field) ?? '';
  const before = `${value.slice(0, selectionStart - part.length)}${name} `;
  field.value = before + value.slice(selectionStart);
  field.setSelectionRange(before.length, before.length);
  return field.value;
}

/** The list of suggested names. */
export function MentionList({ mentions, choose }: { mentions: Mentions; choose: (name: string) => void }) {
  const { names, selected } = mentions;
  return (
    <div id="mentions" role="listbox" aria-label={chatTexts().mentions} hidden={names.length === 0}>
      {names.map((name, index) => (
        <button
          type="button"
          key={name}
          id={`mention-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === selected}
          // The field keeps the focus.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => choose(name)}
        >
          <bdi>{name}</bdi>
        </button>
      ))}
    </div>
  );
}
