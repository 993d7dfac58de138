/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import { clockTime, duration } from '../../i18n/durations.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import { SiteHeader } from '../../shared/site-header.tsx';
import type { ClusterHealth } from '../model/cluster-health.ts';
import type { Monitor } from '../model/monitor.ts';
import { isFormer } from '../model/node-state.ts';
import type { NodeOperation } from '../model/operations.ts';
import { BlockingView } from './blocking-view.tsx';
import { AdminTokenDialog } from './dialogs/admin-token-dialog.tsx';
import { OperationDialog } from './dialogs/operation-dialog.tsx';
import { PauseDialog, ResumeDialog } from './dialogs/pause-dialogs.tsx';
import { Headline } from './headline.tsx';
import { NodeCard } from './node-card.tsx';
import { ServersView } from './servers-view.tsx';
import { TimelineView } from './timeline-view.tsx';

/** The open dialog: the confirmation of an operation, or the admin token. */
type OpenDialog =
  | { kind: 'operation'; operation: NodeOperation; node: string }
  | { kind: 'admin-token' | 'pause' | 'resume' };

/** How long the page says that it has moved to another node, in milliseconds. After that it shows only the node's name. */
const MOVED_MS = 60_000;
/** Reads are a second apart, and a slow one takes up to 2.5 s: an older state is not live. */
const STALE_MS = 5000;
/** Interval at which the ages on the page are updated between two reads. */
const TICK_MS = 500;

/** The whole cluster page. */
export function ClusterPage({ monitor }: { monitor: Monitor }) {
  useMonitor(monitor);
  const [dialog, setDialog] = useState<OpenDialog>();
  const t = clusterTexts();
  const { health, cluster } = monitor;
  useEffect(() => {
    document.title = titleOf(health.kind === 'active' ? health.node : undefined);
  });
  const close = () => setDialog(undefined);
  const askForToken = () => setDialog({ kind: 'admin-token' });
  return (
    <>
      <SiteHeader current="cluster" />
      <main>
        <h1 class="visually-hidden">{t.title}</h1>
        <Headline
          health={health}
          pause={cluster?.content.pause}
          blocker={blockerOf(monitor, health)}
          onResume={() => setDialog({ kind: 'resume' })}
        />
        <LiveLine monitor={monitor} />
        <NodesSection monitor={monitor} open={setDialog} />
        <TimelineView monitor={monitor} />
        <div class="two-columns">
          <ServersView monitor={monitor} />
          <BlockingView monitor={monitor} onEnterToken={askForToken} />
        </div>
      </main>
      {dialog?.kind === 'operation' && (
        <OperationDialog monitor={monitor} node={dialog.node} operation={dialog.operation} onClose={close} />
      )}
      {dialog?.kind === 'pause' && <PauseDialog monitor={monitor} onClose={close} />}
      {dialog?.kind === 'resume' && <ResumeDialog monitor={monitor} onClose={close} />}
      {dialog?.kind === 'admin-token' && <AdminTokenDialog monitor={monitor} onClose={close} />}
    </>
  );
}

/** The nodes of the cluster, with the operations on each, and the button that pauses failovers. */
function NodesSection({ monitor, open }: { monitor: Monitor; open: (dialog: OpenDialog) => void }) {
  const t = clusterTexts();
  const { nodes, cluster } = monitor;
  const former = cluster?.content.nodes.filter(isFormer).length ?? 0;
  return (
    <section aria-labelledby="nodes-title">
      <div class="section-head">
        <h2 id="nodes-title">{t.nodes}</h2>
        {cluster?.content.pause === null && (
          <button type="button" class="secondary small" onClick={() => open({ kind: 'pause' })}>
            {t.pause}
          </button>
        )}
      </div>
      <ul class="node-cards">
        {nodes.map((node) => (
          <NodeCard
            key={node.name}
            node={node}
            monitor={monitor}
            onOperation={(operation) => open({ kind: 'operation', operation, node: node.name })}
          />
        ))}
      </ul>
      {former > 0 && <p class="hint">{t.formerNodes(former)}</p>}
    </section>
  );
}

/** Returns the session to end: one that keeps others waiting, or any one if the nodes report a problem. */
function blockerOf({ blocking = [] }: Monitor, health: ClusterHealth) {
  const hasProblem = (health.kind === 'active' && health.problem !== undefined) || health.kind === 'missing';
  return blocking.find(({ waiting }) => waiting > 0) ?? (hasProblem ? blocking[0] : undefined);
}

/** Shows which node the page reads from, and that it has moved. */
function LiveLine({ monitor }: { monitor: Monitor }) {
  const t = clusterTexts();
  const { moved, isConnected, cluster, ageMs, adminToken } = monitor;
  if (cluster === undefined && isConnected) return null;
  const isLive = isConnected && (ageMs ?? 0) < STALE_MS;
  const hasMoved = moved !== undefined && Date.now() - moved.at.getTime() < MOVED_MS;
  const move = hasMoved && `${t.moved[moved.why](moved.from)} ${t.readsNow(moved.to)}`;
  return (
    <div class="live-line">
      <span class={isLive ? 'live' : 'live stale'}>
        {isLive ? t.readsFrom(monitor.readsFrom) : t.notLive(ageMs === undefined ? undefined : duration(ageMs))}
      </span>
      <span role="status">{hasMoved && `${clockTime(moved.at, new Date())}: ${move}`}</span>
      {adminToken !== undefined && (
        <button type="button" class="secondary small" onClick={() => monitor.setAdminToken(undefined)}>
          {t.forgetAdminToken}
        </button>
      )}
    </div>
  );
}

const titleOf = (active: string | undefined) => {
  const t = clusterTexts();
  return `${active === undefined ? `✕ ${t.missingNow}` : `● ${t.activeNow(active)}`} Plantão`;
};

/** Renders again after changes, and twice a second. */
function useMonitor(monitor: Monitor): void {
  const [, setVersion] = useState(0);
  useEffect(() => {
    const draw = () => setVersion((version) => version + 1);
    const timer = setInterval(() => document.hidden || draw(), TICK_MS);
    const unsubscribe = monitor.subscribe(draw);
    return () => {
      clearInterval(timer);
      unsubscribe();
    };
  }, [monitor]);
}
