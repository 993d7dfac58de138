/// <reference lib="dom" />
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { useView } from '../../context.ts';
import { Switch } from '../../elements/switch.tsx';

/** The user's switches for notifications and sounds on this device. */
export function AlertSwitches() {
  const { app } = useView();
  const t = dialogTexts();
  const alerts = app.alerts?.device;
  if (alerts === undefined) return null;
  const isPossible = alerts.canNotify || !('Notification' in globalThis);
  return (
    <>
      {'Notification' in globalThis && (
        <Switch
          label={t.notify}
          disabled={!alerts.canNotify}
          checked={alerts.notifies}
          onSwitch={(isOn) => void alerts.setNotifies(isOn).then(() => app.changed())}
        />
      )}
      <p class="hint" role="status" hidden={isPossible}>
        {isPossible ? '' : t.notifyBlocked}
      </p>
      <Switch
        label={t.sound}
        checked={alerts.sounds}
        onSwitch={(isOn) => {
          alerts.setSounds(isOn);
          app.changed();
        }}
      />
    </>
  );
}
