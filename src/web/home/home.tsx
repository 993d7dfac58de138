/// <reference lib="dom" />

import { mount } from '../shared/mount.tsx';
import { registerWorker } from '../worker/register-worker.ts';
import { App } from './model/app.ts';
import { AppView } from './view/app-view.tsx';
import { preloadDialogs } from './view/dialogs/load-dialogs.ts';

const app = new App();
mount(() => <AppView app={app} />);
preloadDialogs();
registerWorker();
