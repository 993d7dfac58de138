import { chatTexts } from '../../i18n/texts.ts';
import { useView } from './context.ts';

/** The buttons that create or join a group. */
export function GroupButtons() {
  const { app, openDialog } = useView();
  const t = chatTexts();
  return (
    <>
      <button type="button" onClick={() => openDialog({ kind: 'new-group' })}>
        {t.newGroup}
      </button>
      {app.cluster.auth === 'open' && (
        <button type="button" class="secondary" onClick={() => openDialog({ kind: 'join-group' })}>
          {t.joinGroup}
        </button>
      )}
    </>
  );
}

/** Shown to a user without chats: all ways to start or join one. */
export function FirstChat() {
  const { openDialog } = useView();
  const t = chatTexts();
  return (
    <div id="nothing-open">
      <p>{t.noChats}</p>
      <div class="buttons">
        <button type="button" onClick={() => openDialog({ kind: 'new-direct' })}>
          {t.writeToPerson}
        </button>
        <GroupButtons />
        <button type="button" class="secondary" onClick={() => openDialog({ kind: 'use-invitation' })}>
          {t.useInvitation}
        </button>
      </div>
    </div>
  );
}
