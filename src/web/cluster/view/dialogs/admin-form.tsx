/// <reference lib="dom" />
import { useRef } from 'preact/hooks';
import { ChatError } from '../../../../client/index.ts';
import { clusterTexts } from '../../../i18n/texts.ts';
import type { Monitor } from '../../model/monitor.ts';
import { curlOf, executeOperation, type OperationRequest } from '../../model/operations.ts';
import { CopyableCommand } from '../copyable-command.tsx';

/**
 * The common part of the dialogs of all operations: `form` asks for the admin token if the nodes need one that the page does not
 * have, and shows the command that does the same; `send` executes the request and keeps a token that was accepted.
 */
export function useAdminForm(monitor: Monitor, request: OperationRequest) {
  const field = useRef<HTMLInputElement>(null);
  const t = clusterTexts();
  const needsToken = monitor.auth === 'token';
  const send = async () => {
    const given = needsToken ? (monitor.adminToken ?? field.current?.value.trim()) : undefined;
    try {
      await executeOperation(request, given);
    } catch (error) {
      if (error instanceof ChatError && error.code === 'wrong_admin_token') monitor.setAdminToken(undefined);
      throw error;
    }
    if (given !== undefined && given !== monitor.adminToken) monitor.setAdminToken(given);
    void monitor.refresh();
  };
  const form = (
    <>
      {needsToken && monitor.adminToken === undefined && (
        <>
          <label for="operation-token">{t.adminToken}</label>
          <input id="operation-token" ref={field} type="password" autocomplete="off" required />
        </>
      )}
      <p class="hint">{t.sameInShell}</p>
      <CopyableCommand text={curlOf(request, needsToken)} />
    </>
  );
  return { form, send };
}
