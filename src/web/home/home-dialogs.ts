/** The dialogs of the page /home, which it loads when it has nothing else to do, or when one of them is opened. */
export { DialogView } from './view/dialogs/dialog-view.tsx';
