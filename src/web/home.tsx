/// <reference lib="dom" />
import { App } from './home/model/app.ts';
import { AppView } from './home/view/app-view.tsx';
import { preloadDialogs } from './home/view/dialogs/load-dialogs.ts';
import { registerWorker } from './register-worker.ts';
import { mount } from './shared/mount.tsx';

const app = new App();
mount(() => <AppView app={app} />);
preloadDialogs();
registerWorker();
