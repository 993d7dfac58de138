import type { ClusterStatus } from '../../../client/index.ts';
import { clockTime, duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { Verdict } from '../model/verdict.ts';
import { Command } from './command.tsx';

const SEPARATE = 'UPDATE plantao.cluster SET id = gen_random_uuid()';

interface Props {
  verdict: Verdict;
  pause: ClusterStatus['pause'] | undefined;
  /** True if a session of PostgreSQL keeps others waiting. */
  isHeldUp: boolean;
}

/** The state of the cluster in one large sentence. Screen readers hear changes of it, but not each second. */
export function Headline({ verdict, pause, isHeldUp }: Props) {
  const [usual, sentence, ...more] = partsOf(verdict);
  const tone = usual === 'good' && (pause || isHeldUp) ? 'warning' : usual;
  return (
    <section class={`headline ${tone}`} aria-label={clusterTexts().title}>
      <p class="verdict">{sentence}</p>
      {more.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {isHeldUp && <p>{clusterTexts().heldUp}</p>}
      {pause && (
        <p>{clusterTexts().paused(clockTime(new Date(pause.until), new Date()), pause.asked_by, pause.reason)}</p>
      )}
      {verdict.kind === 'two_actives' && <Command text={SEPARATE} />}
      <p class="visually-hidden" role="status">
        {spoken(verdict)}
      </p>
    </section>
  );
}

type Tone = 'good' | 'warning' | 'bad' | 'unknown';

function partsOf(verdict: Verdict): [Tone, sentence: string, ...more: string[]] {
  const t = clusterTexts();
  switch (verdict.kind) {
    case 'loading':
      return ['unknown', t.loading];
    case 'unreachable':
      return ['bad', t.unreachable, t.unreachableRemedy];
    case 'two_actives': {
      const { node, url } = verdict.rival;
      return ['bad', t.twoActives(verdict.active, `${node} (${url})`), t.twoActivesRemedy];
    }
    case 'active': {
      const { node, term, forMs, trouble } = verdict;
      const sentence = forMs === undefined || term === null ? t.activeNow(node) : t.active(node, duration(forMs), term);
      if (trouble !== undefined) return ['warning', `${sentence} ${t.trouble(trouble)}`];
      return ['good', `${sentence} ${t.accepted}`];
    }
    case 'missing':
      return missingParts(verdict);
  }
}

function missingParts({
  cause,
  forMs,
  last,
  trouble,
}: Extract<Verdict, { kind: 'missing' }>): ReturnType<typeof partsOf> {
  const t = clusterTexts();
  const sentence = forMs === undefined ? t.missingNow : t.missing(duration(forMs));
  const because =
    last === undefined ? '' : `${sentenceOf((t.ended[last.cause] ?? t.endedUnknown)(last.node), last.node)}. `;
  const says = trouble === undefined || cause === 'failover' ? [] : [t.standbySays(trouble)];
  return ['bad', `${sentence} ${t.refused}`, `${because}${t.remedy[cause]}`, ...says];
}

/** Without the time, which changes every second. */
function spoken(verdict: Verdict): string {
  const t = clusterTexts();
  if (verdict.kind === 'active') return t.activeNow(verdict.node);
  return verdict.kind === 'missing' ? `${t.missingNow} ${t.remedy[verdict.cause]}` : '';
}

/** Begins with a capital letter, unless it begins with the name of the node. */
const sentenceOf = (text: string, node: string) =>
  text.startsWith(node) ? text : text.charAt(0).toUpperCase() + text.slice(1);
