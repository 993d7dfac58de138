/// <reference lib="dom" />
import { App } from './home/model/app.ts';
import { AppView } from './home/view/app-view.tsx';
import { mount } from './mount.tsx';
import { registerWorker } from './register-worker.ts';

const app = new App();
mount(() => <AppView app={app} />);
registerWorker();
