/// <reference lib="dom" />
import { useEffect, useRef, useState } from 'preact/hooks';
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { errorText } from '../../../i18n/error-text.ts';
import { chatTexts } from '../../../i18n/texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import { Search } from '../../model/search.ts';
import { useView } from '../context.ts';
import type { DialogProps } from './dialog-state.ts';
import { groupHits, messageHits, peopleHits, type SearchHit, SearchHitLine } from './search-hits.tsx';

/** Delay after the last keystroke before a search, in milliseconds. */
const TYPING_MS = 200;

/** Searches for a term once the user has stopped typing, and cancels the search for an earlier term. Returns undefined for an empty term. */
function useSearch(term: string): Search | undefined {
  const { app } = useView();
  const [search, setSearch] = useState<Search>();
  const [, setVersion] = useState(0);
  useEffect(() => {
    if (term.trim() === '') return setSearch(undefined);
    const ending = new AbortController();
    const next = new Search(app.client, term, ending.signal, () => setVersion((version) => version + 1));
    setSearch(next);
    const timer = setTimeout(() => void next.start(), TYPING_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [term]);
  return search;
}

/** Selects one of the hits with the arrow keys, and opens it with Enter. */
function useSelection(hits: readonly SearchHit[], term: string, open: (hit: SearchHit) => void) {
  const [selected, setSelected] = useState(0);
  /** True once Enter was pressed before there were hits: the first hit is then opened when it is found. */
  const isAwaited = useRef(false);
  useEffect(() => {
    setSelected(0);
    isAwaited.current = false;
  }, [term]);
  useEffect(() => {
    if (isAwaited.current && hits[0] !== undefined) open(hits[0]);
  }, [hits.length]);
  const press = (event: KeyboardEvent) => {
    const move = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (move !== 0 && hits.length > 0) setSelected((selected + move + hits.length) % hits.length);
    else if (event.key === 'Enter' && !event.isComposing) {
      isAwaited.current = hits.length === 0;
      const hit = hits[selected];
      if (hit !== undefined) open(hit);
    } else return;
    event.preventDefault();
  };
  return { selected, press };
}

/** Finds groups, people and messages. It is also a quick way to switch groups with the keyboard. */
export function FindDialog({ chat, onClose }: DialogProps) {
  const { app } = useView();
  const t = dialogTexts();
  const [term, setTerm] = useState('');
  const search = useSearch(term);
  const hits = [
    ...groupHits(chat, term),
    ...peopleHits(app.client, chat, search?.people ?? []),
    ...messageHits(chat, search?.messages ?? []),
  ];
  const open = (hit: SearchHit) => {
    onClose();
    hit.open().catch((error) => app.failed(error));
  };
  const { selected, press } = useSelection(hits, term, open);
  const list = useRef<HTMLDivElement>(null);
  useEffect(
    () => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' }),
    [selected],
  );
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
      <SearchState search={search} isEmpty={hits.length === 0} />
    </Modal>
  );
}

/** Shows below the hits whether there may be more, what a search waits for, and why it failed. */
function SearchState({ search, isEmpty }: { search: Search | undefined; isEmpty: boolean }) {
  const { app } = useView();
  const t = dialogTexts();
  if (search === undefined) return null;
  const { isRunning, hasMore, error } = search;
  const hasNothing = isEmpty && !hasMore && error === undefined;
  const running = app.cluster.isCutOff ? chatTexts().waitsFor.connection : t.searching;
  return (
    <>
      <p class="hint" role="status">
        {isRunning && <span class="spinner" />}
        {isRunning ? running : hasNothing ? t.nothingFound : ''}
      </p>
      <p class="error" role="alert">
        {isRunning || error === undefined ? '' : errorText(error)}
      </p>
      {hasMore && !isRunning && (
        <div class="buttons">
          <button type="button" class="secondary" onClick={() => void search.more()}>
            {t.showMore}
          </button>
        </div>
      )}
    </>
  );
}
