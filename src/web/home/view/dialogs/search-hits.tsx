/// <reference lib="dom" />
import type { ComponentChildren } from 'preact';
import type { ChatClient, User } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import { shortTime } from '../../../i18n/dates.ts';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { nodeTime } from '../../../shared/node-time.ts';
import type { ChatState } from '../../model/chat-state.ts';
import { nameOf } from '../../model/groups/group-names.ts';
import { groupHash, messageHash } from '../../model/location.ts';
import type { FoundMessage } from '../../model/search.ts';
import { plainParts } from '../../model/text/plain-text.ts';
import { shownName } from '../../model/user-names.ts';
import { openDirect } from './groups/new-direct-dialog.tsx';

/** Something that was found, and how to open it. */
export interface SearchHit {
  key: string;
  kind: 'group' | 'person' | 'message';
  title: ComponentChildren;
  detail: ComponentChildren;
  open: () => Promise<void>;
}

/** The maximum number of groups that are shown. */
const MAX_GROUPS = 8;

const goTo = async (hash: string) => {
  // For the same message again, the browser reports no change.
  if (location.hash === hash) dispatchEvent(new HashChangeEvent('hashchange'));
  location.hash = hash;
};

/** Returns the user's groups whose names contain `term`; for an empty term, the most recently active ones. */
export function groupHits(chat: ChatState, term: string): SearchHit[] {
  const wanted = foldedName(term.trim());
  return chat.groups.sorted
    .map(({ group, unread }) => ({ group, unread, name: nameOf(group, chat.me) }))
    .filter(({ name }) => foldedName(name).includes(wanted))
    .slice(0, MAX_GROUPS)
    .map(({ group, unread, name }) => ({
      key: `group-${group.id}`,
      kind: 'group',
      title: name,
      detail: unread > 0 ? dialogTexts().unread(unread) : '',
      open: () => goTo(groupHash(group.id)),
    }));
}

/** Returns the people that were found. Opening one opens the direct chat with them. */
export function peopleHits(client: ChatClient, chat: ChatState, people: readonly User[]): SearchHit[] {
  return people
    .filter(({ id }) => id !== chat.me.id)
    .map(({ id, username }) => ({
      key: `person-${id}`,
      kind: 'person',
      title: username,
      detail: dialogTexts().writeTo,
      open: () => openDirect(client, chat, id),
    }));
}

/** Returns the messages that were found. */
export function messageHits(chat: ChatState, messages: readonly FoundMessage[]): SearchHit[] {
  return messages.map((message) => ({
    key: `message-${message.id}`,
    kind: 'message',
    title: <Excerpt parts={plainParts(message.parts)} />,
    detail: (
      <>
        {[...placeOf(chat, message)].map((name) => [<bdi key={name}>{name}</bdi>, ', '])}
        {shortTime(new Date(message.timestamp), nodeTime())}
      </>
    ),
    open: () => goTo(messageHash(message.group_id, message.id)),
  }));
}

/** Returns the sender and the group. A direct chat has the name of the other person, which is not given twice. */
function placeOf(chat: ChatState, { group_id, group, sender, sender_id }: FoundMessage): Set<string> {
  const known = chat.groups.find(group_id);
  return new Set([shownName(sender, sender_id), known === undefined ? group : nameOf(known.group, chat.me)]);
}

/** Shows a message from shortly before the first match. */
function Excerpt({ parts }: { parts: FoundMessage['parts'] }) {
  const first = parts.findIndex(({ match }) => match);
  const shown = parts.slice(Math.max(0, first - 1));
  return (
    <>
      {shown.map(({ text, match }, index) =>
        match ? (
          <mark key={index}>{text}</mark>
        ) : index === 0 && first > 0 ? (
          endOf(text, first > 1)
        ) : (
          text.slice(0, 120)
        ),
      )}
    </>
  );
}

/** Returns the end of the text before the match, with dots for what is left out. */
function endOf(text: string, isCut: boolean): string {
  const end = text.slice(-40);
  return isCut || end.length < text.length ? `…${end.trimStart()}` : end;
}

interface LineProps {
  id: string;
  hit: SearchHit;
  isSelected: boolean;
  open: () => void;
}

/** The line of one search hit. */
export function SearchHitLine({ id, hit, isSelected, open }: LineProps) {
  return (
    <button type="button" id={id} role="option" tabIndex={-1} aria-selected={isSelected} onClick={open}>
      <span class="kind">{dialogTexts().kinds[hit.kind]}</span>
      <span class="title" dir="auto">
        {hit.title}
      </span>
      <span class="hint">{hit.detail}</span>
    </button>
  );
}
