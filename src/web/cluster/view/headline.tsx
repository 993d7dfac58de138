import type { ClusterStatus } from '../../../client/index.ts';
import { clockTime, duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import { nodeTime } from '../../shared/node-time.ts';
import type { Blocker } from '../model/api-types.ts';
import type { ClusterHealth } from '../model/cluster-health.ts';
import { asSentence } from './as-sentence.ts';
import { CopyableCommand } from './copyable-command.tsx';

const SEPARATE = 'UPDATE plantao.cluster SET id = gen_random_uuid()';

interface Props {
  health: ClusterHealth;
  pause: ClusterStatus['pause'] | undefined;
  /** The session of PostgreSQL that keeps the nodes waiting. */
  blocker: Blocker | undefined;
  /** Opens the dialog that ends the pause. */
  onResume: () => void;
}

/** The state of the cluster in one large sentence. Screen readers announce its changes, but not every second. */
export function Headline({ health, pause, blocker, onResume }: Props) {
  const [usual, sentence, ...more] = partsOf(health);
  const tone = usual === 'good' && (pause || blocker) ? 'warning' : usual;
  return (
    <section class={`headline ${tone}`} aria-label={clusterTexts().title}>
      <p class="state">{sentence}</p>
      {more.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {blocker && (
        <>
          <p>{clusterTexts().heldUp(blocker.application || '?', blocker.blocks)}</p>
          <CopyableCommand text={`${blocker.ended_by};`} />
        </>
      )}
      {pause && (
        <>
          <p>{clusterTexts().paused(clockTime(new Date(pause.until), nodeTime()), pause.asked_by, pause.reason)}</p>
          <button type="button" class="secondary" onClick={onResume}>
            {clusterTexts().resume}
          </button>
        </>
      )}
      {health.kind === 'two_actives' && <CopyableCommand text={SEPARATE} />}
      <p class="visually-hidden" role="status">
        {spoken(health)}
      </p>
    </section>
  );
}

type HealthTone = 'good' | 'warning' | 'bad' | 'unknown';

function partsOf(health: ClusterHealth): [HealthTone, sentence: string, ...more: string[]] {
  const t = clusterTexts();
  switch (health.kind) {
    case 'loading':
      return ['unknown', t.loading];
    case 'unreachable':
      return ['bad', t.unreachable, t.unreachableRemedy];
    case 'two_actives': {
      const { node, url } = health.second;
      return ['bad', t.twoActives(health.active, `${node} (${url})`), t.twoActivesRemedy];
    }
    case 'active': {
      const { node, term, forMs, problem, isAlone } = health;
      const sentence = forMs === undefined || term === null ? t.activeNow(node) : t.active(node, duration(forMs), term);
      if (problem !== undefined) return ['warning', `${sentence} ${t.problem(problem)}`];
      if (isAlone) return ['warning', `${sentence} ${t.accepted}`, t.noReserve];
      return ['good', `${sentence} ${t.accepted}`];
    }
    case 'missing':
      return missingParts(health);
  }
}

/** The causes for which a standby's report is shown. The remedy explains a pause and fallen nodes, and a normal failover needs no report. */
const EXPLAINED_BY_STANDBY: readonly string[] = ['stuck', 'database', 'blocked', 'hindered'];

function missingParts({
  cause,
  forMs,
  last,
  problem,
}: Extract<ClusterHealth, { kind: 'missing' }>): ReturnType<typeof partsOf> {
  const t = clusterTexts();
  const sentence = forMs === undefined ? t.missingNow : t.missing(duration(forMs));
  const because =
    last === undefined ? '' : `${asSentence((t.ended[last.cause] ?? t.endedUnknown)(last.node), last.node)}. `;
  const says = problem === undefined || !EXPLAINED_BY_STANDBY.includes(cause) ? [] : [t.standbySays(problem)];
  return ['bad', `${sentence} ${t.refused}`, `${because}${t.remedy[cause]}`, ...says];
}

/** Returns the text for screen readers: without the time, which changes every second. */
function spoken(health: ClusterHealth): string {
  const t = clusterTexts();
  if (health.kind === 'active') return t.activeNow(health.node);
  return health.kind === 'missing' ? `${t.missingNow} ${t.remedy[health.cause]}` : '';
}
