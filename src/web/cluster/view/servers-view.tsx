import { duration, number } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import type { ReplicaRow } from '../model/api-types.ts';
import type { Monitor } from '../model/monitor.ts';
import { type Fact, FactList } from './fact-list.tsx';

/** PostgreSQL's servers: what a commit waits for, and what each standby lacks. */
export function ServersView({ monitor }: { monitor: Monitor }) {
  const t = clusterTexts();
  const durability = monitor.cluster?.content.durability;
  return (
    <section class="servers" aria-labelledby="servers-title">
      <h2 id="servers-title">{t.servers}</h2>
      {durability === undefined ? (
        <p class="hint">{t.primaryUnknown}</p>
      ) : (
        <>
          <p>
            <strong>{t.primary}.</strong> {t.durable[durability.durable]}
          </p>
          {durability.standbys.length === 0 ? (
            <p class="hint">{t.noStandby}</p>
          ) : (
            <ul>
              {durability.standbys.map((one) => (
                <Standby key={one.standby} standby={one} />
              ))}
            </ul>
          )}
        </>
      )}
    </section>
  );
}

function Standby({
  standby: { standby, state, sync_state, lag_bytes, lag_ms, messages_at_risk },
}: {
  standby: ReplicaRow;
}) {
  const t = clusterTexts();
  const lag = lag_ms === null ? undefined : duration(lag_ms);
  const size = lag_bytes === null ? undefined : t.bytes(number(lag_bytes / 1024, 1));
  const isSynchronous = sync_state === 'sync' || sync_state === 'quorum';
  const facts: Fact[] = [
    [
      t.sync,
      state === 'streaming'
        ? (t.syncState[sync_state] ?? sync_state)
        : `${t.syncState[sync_state] ?? sync_state}, ${state}`,
    ],
    [t.lag, [lag, size].filter((one) => one !== undefined).join(', ') || undefined],
    [t.atRisk, messages_at_risk === null ? undefined : t.messages(number(messages_at_risk))],
  ];
  return (
    <li class={isSynchronous ? 'replica sync' : 'replica'}>
      <h3>
        <span class="mark" aria-hidden="true" /> {standby}
      </h3>
      <FactList facts={facts} />
    </li>
  );
}
