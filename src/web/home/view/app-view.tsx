/// <reference lib="dom" />
import { useEffect, useMemo, useState } from 'preact/hooks';
import { shownCount } from '../../i18n/counts.ts';
import type { App } from '../model/app.ts';
import { Announcer } from './announcer.tsx';
import { ChatView } from './chat-view.tsx';
import { useChanges, type View, ViewContext } from './context.ts';
import type { DialogState } from './dialogs/dialog-state.ts';
import { LazyDialog } from './dialogs/lazy-dialog.tsx';
import { useShortcuts } from './shortcuts.ts';
import { SignIn } from './sign-in/sign-in.tsx';
import { NoticeLine, TopBar } from './top-bar.tsx';

const TITLE = 'Plantão';

/** The whole page. */
export function AppView({ app }: { app: App }) {
  useChanges(app);
  const [dialog, setDialog] = useState<DialogState>();
  const view: View = useMemo(() => ({ app, openDialog: setDialog }), [app]);
  const { chat } = app;
  useShortcuts(view);
  const unread = chat?.unread ?? 0;
  useEffect(() => {
    document.title = unread > 0 ? `(${shownCount(unread)}) ${TITLE}` : TITLE;
  }, [unread]);
  useEffect(() => setDialog(undefined), [chat]);
  // The user has gone back, or is no longer in the group.
  const isOrphan = dialog !== undefined && 'conversation' in dialog && dialog.conversation !== chat?.opened;
  useEffect(() => {
    if (isOrphan) setDialog(undefined);
  }, [isOrphan]);
  const close = (closed: DialogState) => setDialog((open) => (open === closed ? undefined : open));
  return (
    <ViewContext.Provider value={view}>
      <TopBar />
      <NoticeLine app={app} />
      <Announcer />
      {chat === undefined ? <SignIn /> : <ChatView key={chat.me.id} chat={chat} />}
      {chat !== undefined && dialog !== undefined && !isOrphan && (
        <LazyDialog chat={chat} dialog={dialog} close={close} />
      )}
    </ViewContext.Provider>
  );
}
