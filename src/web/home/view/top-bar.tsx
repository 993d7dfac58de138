/// <reference lib="dom" />
import { useEffect, useState } from 'preact/hooks';
import { chatTexts, texts } from '../../i18n/texts.ts';
import { iconUrl } from '../../shared/icon-url.ts';
import type { App } from '../model/app.ts';
import { type ClusterNode, pauseEnd } from '../model/connection/cluster-notices.ts';
import type { NoticeContent } from '../model/notices.ts';
import { useView } from './context.ts';
import { Icon } from './elements/icons.tsx';

/** The bar at the top: name, nodes, account. */
export function TopBar() {
  const { app, openDialog } = useView();
  const t = chatTexts();
  const isPaused = pauseEnd(app.cluster.nodes) !== undefined;
  return (
    <header id="top" class={app.chat === undefined ? '' : 'signed-in'}>
      <h1>
        <img src={iconUrl()} alt="" width="24" height="24" /> <span>Plantão</span>
      </h1>
      <PageLinks />
      <ul id="nodes" aria-label={texts().common.nodes}>
        {app.cluster.nodes.map((node) => (
          <NodeChip
            key={node.name}
            node={node}
            isConnected={node.name === app.cluster.connectedTo}
            isPaused={isPaused}
          />
        ))}
      </ul>
      {app.chat !== undefined && (
        <div id="account">
          <button
            type="button"
            id="account-name"
            class="secondary"
            title={t.account}
            aria-label={t.accountOf(app.chat.me.username)}
            onClick={() => openDialog({ kind: 'account' })}
          >
            <bdi>{app.chat.me.username}</bdi>
          </button>
          <button type="button" id="sign-out" class="secondary" title={t.signOut} onClick={() => app.leave()}>
            <span>{t.signOut}</span>
            <Icon name="leave" />
          </button>
        </div>
      )}
    </header>
  );
}

/** The other pages of the node. Links are relative: a proxy may serve the pages under a path prefix. */
function PageLinks() {
  const { pages, cluster, documentation } = texts().common;
  return (
    <nav class="page-links" aria-label={pages}>
      <a href="cluster">{cluster}</a>
      <a href="docs" class="docs" title={documentation}>
        API
      </a>
    </nav>
  );
}

/** One node. Shows its state in words as well as by shape and colour. */
function NodeChip(props: { node: ClusterNode; isConnected: boolean; isPaused: boolean }) {
  const { node, isConnected, isPaused } = props;
  const t = texts().common;
  const { name, url, state, term } = node;
  const connected = isConnected && state !== 'unreachable';
  const inTerm = state === 'active' && term !== undefined ? t.term(term) : '';
  const title = [url, inTerm, connected ? t.connectedHere : ''].filter((part) => part !== '').join(', ');
  return (
    <li class={connected ? `${state} connected` : state} title={title}>
      <span class="text">{`${name}: ${isPaused && state === 'fallen' ? t.maintenance : t.role[state]}`}</span>
      {inTerm !== '' && <span class="term">, {inTerm}</span>}
    </li>
  );
}

/** How long the first response may take before the page says that it is connecting, in milliseconds. */
const CONNECTING_MS = 250;

/**
 * The line under the bar that shows what has happened, or the state of the connection. Screen readers announce it. It lies on top
 * of the page, which does not move when it appears.
 */
export function NoticeLine({ app }: { app: App }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), CONNECTING_MS);
    return () => clearTimeout(timer);
  }, []);
  const notice = app.notice ?? connectionNotice(app, isLate);
  return (
    <p id="notice" role="status" class={notice?.tone}>
      {notice?.text}
    </p>
  );
}

function connectionNotice(app: App, isLate: boolean): NoticeContent | undefined {
  const t = chatTexts();
  if (!navigator.onLine) return { text: t.cannotConnect, tone: 'warning' };
  if (app.cluster.isConnecting) return isLate ? { text: t.connecting, tone: 'info' } : undefined;
  return app.cluster.connection === 'slow' ? { text: t.slowConnection, tone: 'info' } : undefined;
}
