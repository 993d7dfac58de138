/// <reference lib="dom" />
import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { useView } from '../context.ts';

/** The switches for notifications and sounds on this device. */
export function AlertSwitches() {
  const { app } = useView();
  const t = dialogTexts();
  const isPossible = app.alerts.canNotify || !('Notification' in globalThis);
  return (
    <>
      {'Notification' in globalThis && (
        <label class="switch">
          <input
            type="checkbox"
            disabled={!app.alerts.canNotify}
            checked={app.alerts.notifies}
            onChange={({ currentTarget }) =>
              void app.alerts.setNotifies(currentTarget.checked).then(() => app.changed())
            }
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
          checked={app.alerts.sounds}
          onChange={({ currentTarget }) => {
            app.alerts.setSounds(currentTarget.checked);
            app.changed();
          }}
        />{' '}
        {t.sound}
      </label>
    </>
  );
}
