/// <reference lib="dom" />

import { addErrorTexts } from '../i18n/error-text.ts';
import { clusterTexts } from '../i18n/texts.ts';
import { mount } from '../shared/mount.tsx';
import { registerWorker } from '../worker/register-worker.ts';
import { Monitor } from './model/monitor.ts';
import { ClusterPage } from './view/cluster-page.tsx';

// Relative to this page: a proxy may serve the node under a path prefix.
const monitor = new Monitor(new URL('.', location.href).href.replace(/\/$/, ''));
document.addEventListener('visibilitychange', () => void monitor.refresh());
void monitor.refresh();
addErrorTexts(() => clusterTexts().errorsByCode);
mount(() => <ClusterPage monitor={monitor} />);
registerWorker();
