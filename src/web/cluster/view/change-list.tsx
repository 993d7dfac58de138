import { useState } from 'preact/hooks';
import { dateAndTime } from '../../i18n/dates.ts';
import { clockTime, duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { TermRow } from '../model/api-types.ts';
import type { Chart } from '../model/timeline.ts';
import { asSentence } from './as-sentence.ts';

const SHOWN = 5;
/** A shorter time without an active node is usual for a switchover. */
export const LONG_MS = 1000;

interface Change {
  key: number;
  time: Date;
  text: string;
  ms: number;
}

/** The changes of the active node in the chart, newest first, each with its reason and the time without an active node. */
export function ChangeList({ chart, terms }: { chart: Chart; terms: readonly TermRow[] }) {
  const [isWhole, setWhole] = useState(false);
  const t = clusterTexts();
  const changes = changesOf(chart, terms);
  const now = new Date(chart.to);
  return (
    <>
      <h3>{t.changes}</h3>
      {changes.length === 0 && <p class="hint">{t.noChanges}</p>}
      <ol class="changes">
        {changes.slice(0, isWhole ? undefined : SHOWN).map(({ key, time, text, ms }) => (
          <li key={key}>
            <time dateTime={time.toISOString()} title={dateAndTime(time)}>
              {clockTime(time, now)}
            </time>
            <span>{text}</span>
            {ms > 0 && <span class={ms >= LONG_MS ? 'lost long' : 'lost'}>{t.noActiveFor(duration(ms))}</span>}
          </li>
        ))}
      </ol>
      {changes.length > SHOWN && !isWhole && (
        <button type="button" class="secondary small" onClick={() => setWhole(true)}>
          {t.showAll(changes.length)}
        </button>
      )}
    </>
  );
}

function changesOf({ from, to, gaps }: Chart, terms: readonly TermRow[]): Change[] {
  const t = clusterTexts();
  const started = terms
    .map((term, index) => changeOf(term, terms[index + 1]))
    .filter(({ time }) => time.getTime() >= from);
  const open = gaps.find(({ after }) => after === undefined);
  if (open === undefined) return started;
  return [{ key: 0, time: new Date(to - open.ms), text: t.stillMissing, ms: open.ms }, ...started];
}

function changeOf(term: TermRow, before: TermRow | undefined): Change {
  const t = clusterTexts();
  const { node, started_at, gap_ms } = term;
  const change = { key: term.term, time: new Date(started_at), ms: gap_ms ?? 0 };
  if (before === undefined) return { ...change, text: `${t.firstTerm(node)}.` };
  const cause = (t.ended[before.end_cause ?? ''] ?? t.endedUnknown)(before.node);
  const asked = before.asked_by === null ? '' : ` (${t.askedBy(before.asked_by)})`;
  // In chronological order: with the cause last, "it became active: it was taken out of service" would say the opposite.
  const ended = asSentence(`${cause}${asked}`, before.node);
  const began = node === before.node ? t.becameAgain(node, term.term) : t.became(node, term.term);
  return { ...change, text: `${ended}. ${asSentence(began, node)}.` };
}
