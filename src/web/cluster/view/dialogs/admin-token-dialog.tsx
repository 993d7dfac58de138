/// <reference lib="dom" />
import { useRef } from 'preact/hooks';
import { clusterTexts } from '../../../i18n/texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import type { Monitor } from '../../model/monitor.ts';

/** Asks for the admin token. */
export function AdminTokenDialog({ monitor, onClose }: { monitor: Monitor; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const t = clusterTexts();
  const act = () => monitor.tryAdminToken(field.current?.value.trim() ?? '');
  return (
    <Modal title={t.enterAdminToken} action={t.save} act={act} onClose={onClose}>
      <label for="admin-token">{t.adminToken}</label>
      <input id="admin-token" ref={field} type="password" autocomplete="off" required />
      <p class="hint">{t.adminTokenHint}</p>
    </Modal>
  );
}
