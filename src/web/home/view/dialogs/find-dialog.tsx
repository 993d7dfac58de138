/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import { chatTexts } from '../../../i18n/texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { useView } from '../context.ts';
import type { DialogProps } from './dialog-state.ts';
import { findGroups, findMessages, findPeople, type SearchHit, SearchHitLine } from './search-hits.tsx';

/** Delay after the last keystroke before a search, in milliseconds. */
const TYPING_MS = 200;

/** Finds groups, people and messages; with the keyboard alone, a quick way to another group. */
export function FindDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = chatTexts();
  const [term, setTerm] = useState('');
  const [found, setFound] = useState<SearchHit[]>([]);
  const [selected, setSelected] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const latest = useRef('');
  latest.current = term;
  const hits = [...findGroups(chat, term), ...found];
  useEffect(() => {
    setSelected(0);
    setFound([]);
    if (term === '') return;
    const timer = setTimeout(() => {
      const searches = [findPeople(app.client, chat, term), findMessages(app.client, chat, term)];
      for (const search of searches) {
        search.then(
          (more) => latest.current === term && setFound((known) => sorted([...known, ...more])),
          () => {},
        );
      }
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [term]);
  useEffect(
    () => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }),
    [selected],
  );
  const open = (hit: SearchHit | undefined) => {
    if (hit === undefined) return;
    onClose();
    hit.open().catch((error) => app.failed(error));
  };
  const press = (event: KeyboardEvent) => {
    const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (move !== 0 && hits.length > 0) setSelected((selected + move + hits.length) % hits.length);
    else if (event.key === 'Enter' && !event.isComposing) open(hits[selected]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal title={t.find} onClose={onClose} isWide>
      <input
        role="combobox"
        aria-label={t.findWhat}
        aria-expanded={hits.length > 0}
        aria-controls="hits"
        aria-activedescendant={hits.length > 0 ? `hit-${selected}` : undefined}
        placeholder={t.findWhat}
        autocomplete="off"
        value={term}
        onInput={({ currentTarget }) => setTerm(currentTarget.value)}
        onKeyDown={press}
      />
      <div id="hits" role="listbox" aria-label={t.find} ref={list} hidden={hits.length === 0}>
        {hits.map((hit, index) => (
          <SearchHitLine
            key={hit.key}
            id={`hit-${index}`}
            hit={hit}
            isSelected={index === selected}
            open={() => open(hit)}
          />
        ))}
      </div>
      {term !== '' && hits.length === 0 && <p class="hint">{t.nothingFound}</p>}
    </Modal>
  );
}

const ORDER = ['group', 'person', 'message'];

function sorted(hits: SearchHit[]): SearchHit[] {
  return hits.sort((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}
