/// <reference lib="dom" />
import { useState } from 'preact/hooks';
import { clusterTexts } from '../../../i18n/texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import type { Monitor } from '../../model/monitor.ts';
import { MAX_PAUSE_MINUTES, pauseRequest, resumeRequest } from '../../model/operations.ts';
import { useAdminForm } from './admin-form.tsx';

interface Props {
  monitor: Monitor;
  onClose: () => void;
}

const USUAL_MINUTES = 30;
const MAX_REASON = 200;

/** Asks how long to pause failover, and why. */
export function PauseDialog({ monitor, onClose }: Props) {
  // The node that the page read from when the dialog was opened: the command must not change under the cursor.
  const [url] = useState(monitor.readsFromUrl);
  const [minutes, setMinutes] = useState(USUAL_MINUTES);
  const [reason, setReason] = useState('');
  const t = clusterTexts();
  const { form, send } = useAdminForm(monitor, pauseRequest(url, minutes, reason));
  return (
    <Modal title={t.askPause} action={t.pause} act={send} isDangerous onClose={onClose}>
      <p>{t.pauseEffect}</p>
      <label for="pause-minutes">{t.pauseMinutes}</label>
      <input
        id="pause-minutes"
        type="number"
        min="1"
        max={MAX_PAUSE_MINUTES}
        step="1"
        required
        value={minutes}
        onInput={({ currentTarget }) => setMinutes(currentTarget.valueAsNumber)}
      />
      <label for="pause-reason">{t.pauseReason}</label>
      <input
        id="pause-reason"
        maxLength={MAX_REASON}
        autocomplete="off"
        value={reason}
        onInput={({ currentTarget }) => setReason(currentTarget.value)}
      />
      {form}
    </Modal>
  );
}

/** Asks again before the pause is ended. */
export function ResumeDialog({ monitor, onClose }: Props) {
  const [url] = useState(monitor.readsFromUrl);
  const t = clusterTexts();
  const { form, send } = useAdminForm(monitor, resumeRequest(url));
  return (
    <Modal title={t.askResume} action={t.resume} act={send} onClose={onClose}>
      <p>{t.resumeEffect}</p>
      {form}
    </Modal>
  );
}
