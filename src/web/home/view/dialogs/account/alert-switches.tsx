/// <reference lib="dom" />
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { useView } from '../../context.ts';

/** The user's switches for notifications and sounds on this device. */
export function AlertSwitches() {
  const { app } = useView();
  const t = dialogTexts();
  const { alerts } = app;
  if (alerts === undefined) return null;
  const isPossible = alerts.canNotify || !('Notification' in globalThis);
  return (
    <>
      {'Notification' in globalThis && (
        <label class="switch">
          <input
            type="checkbox"
            disabled={!alerts.canNotify}
            checked={alerts.notifies}
            onChange={({ currentTarget }) => void alerts.setNotifies(currentTarget.checked).then(() => app.changed())}
          />{' '}
          {t.notify}
        </label>
      )}
      <p class="hint" role="status" hidden={isPossible}>
        {isPossible ? '' : t.notifyBlocked}
      </p>
      <label class="switch">
        <input
          type="checkbox"
          checked={alerts.sounds}
          onChange={({ currentTarget }) => {
            alerts.setSounds(currentTarget.checked);
            app.changed();
          }}
        />{' '}
        {t.sound}
      </label>
    </>
  );
}
