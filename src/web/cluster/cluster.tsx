/// <reference lib="dom" />

import { addErrorTexts } from '../i18n/error-text.ts';
import { clusterTexts } from '../i18n/texts.ts';
import { mount } from '../shared/mount.tsx';
import { registerWorker } from '../worker/register-worker.ts';
import { Monitor } from './model/monitor.ts';
import { ClusterView } from './view/cluster-view.tsx';

// Relative to this page: a proxy may serve the node under a path prefix.
const monitor = new Monitor(new URL('.', location.href).href.replace(/\/$/, ''));
document.addEventListener('visibilitychange', () => void monitor.refresh());
void monitor.refresh();
addErrorTexts(() => clusterTexts().errorsByCode);
mount(() => <ClusterView monitor={monitor} />);
registerWorker();
