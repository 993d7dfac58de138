import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { App } from '../model/app.ts';
import type { DialogState } from './dialogs/dialog-state.ts';

/** The context of every part of the view. */
export interface View {
  app: App;
  /** Opens a dialog, in place of an open one. */
  openDialog(dialog: DialogState): void;
}

/** Provides the {@link View}. */
export const ViewContext = createContext<View | undefined>(undefined);

/** Returns the view that the component belongs to. */
export function useView(): View {
  const view = useContext(ViewContext);
  if (view === undefined) throw new Error('the component is outside the view');
  return view;
}

/** Renders the component again after changes of the app. */
export function useChanges(app: App): void {
  const [, setVersion] = useState(0);
  useEffect(() => app.subscribe(() => setVersion((version) => version + 1)), [app]);
}
