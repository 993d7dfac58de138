import { duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { Blocker } from '../model/api-types.ts';
import type { Monitor } from '../model/monitor.ts';
import { CopyableCommand } from './copyable-command.tsx';

/** The database sessions that block the nodes, each with the statement that ends it. */
export function BlockingView({ monitor, onEnterToken }: { monitor: Monitor; onEnterToken: () => void }) {
  const t = clusterTexts();
  const { blocking, auth, adminToken } = monitor;
  const isHidden = auth === 'token' && adminToken === undefined;
  return (
    <section class="blocking" aria-labelledby="blocking-title">
      <h2 id="blocking-title">{t.blocking}</h2>
      {isHidden ? (
        <>
          <p class="hint">{t.blockingHidden}</p>
          <button type="button" class="secondary" onClick={onEnterToken}>
            {t.enterAdminToken}
          </button>
        </>
      ) : (
        <Blockers blocking={blocking} />
      )}
    </section>
  );
}

function Blockers({ blocking }: { blocking: Blocker[] | undefined }) {
  const t = clusterTexts();
  if (blocking === undefined) return <p class="hint">{t.blockingUnknown}</p>;
  if (blocking.length === 0) return <p class="hint">{t.blockingNone}</p>;
  return (
    <ul>
      {blocking.map((blocker) => (
        <BlockerItem key={blocker.ended_by} blocker={blocker} />
      ))}
    </ul>
  );
}

function BlockerItem({ blocker }: { blocker: Blocker }) {
  const t = clusterTexts();
  const { application, pid, role, client, blocks, state, open_ms, waiting, ended_by } = blocker;
  const session = [role, client, pid === null ? null : `pid ${pid}`].filter((one) => one !== null).join(', ');
  return (
    <li class="blocker">
      <h3>
        {application || '?'} {session !== '' && <small>({session})</small>}
      </h3>
      <p>
        {t.blocks(blocks)}. {state !== null && open_ms !== null && `${t.blockerSince(state, duration(open_ms))}. `}
        {waiting > 0 && `${t.waiting(waiting)}.`}
      </p>
      <p class="hint">{t.endsIt}</p>
      <CopyableCommand text={`${ended_by};`} />
    </li>
  );
}
