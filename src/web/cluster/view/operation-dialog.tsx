/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import { ChatError } from '../../../client/index.ts';
import { clusterTexts } from '../../i18n/texts.ts';
import { Modal } from '../../shared/modal.tsx';
import type { Monitor } from '../model/monitor.ts';
import type { NodeState } from '../model/node-state.ts';
import { curlOf, execute, type Operation, requestOf } from '../model/operations.ts';
import { Command } from './command.tsx';

interface Props {
  monitor: Monitor;
  node: string;
  operation: Operation;
  onClose: () => void;
}

/** Asks again before an operation, and for the admin token if the nodes need one. */
export function OperationDialog({ monitor, node: name, operation, onClose }: Props) {
  // The node as it was when the button was pressed: the dialog must not change under the cursor.
  const [opened] = useState(() => ({ node: monitor.nodes.find((one) => one.name === name), active: monitor.active }));
  const token = useRef<HTMLInputElement>(null);
  const { node, active } = opened;
  if (node === undefined) return null;
  const t = clusterTexts();
  const request = requestOf(operation, node, active);
  const needsToken = monitor.auth === 'token';
  const act = async () => {
    const given = needsToken ? (monitor.adminToken ?? token.current?.value.trim()) : undefined;
    try {
      await execute(request, given);
    } catch (error) {
      if (error instanceof ChatError && error.code === 'wrong_admin_token') monitor.setAdminToken(undefined);
      throw error;
    }
    if (given !== undefined && given !== monitor.adminToken) monitor.setAdminToken(given);
    void monitor.refresh();
  };
  return (
    <Modal
      title={t.ask[operation](name)}
      action={t.operation[operation]}
      act={act}
      isDangerous={operation === 'fall'}
      onClose={onClose}
    >
      <p>{effectOf(operation, node, monitor, opened.active)}</p>
      {needsToken && monitor.adminToken === undefined && (
        <>
          <label for="operation-token">{t.adminToken}</label>
          <input id="operation-token" ref={token} type="password" autocomplete="off" required />
        </>
      )}
      <p class="hint">{t.sameInShell}</p>
      <Command text={curlOf(request, needsToken)} />
    </Modal>
  );
}

function effectOf(
  operation: Operation,
  node: NodeState,
  { nodes, cluster }: Pick<Monitor, 'nodes' | 'cluster'>,
  active: NodeState | undefined,
): string {
  const { effect } = clusterTexts();
  const isPaused = cluster?.content.pause != null;
  if (operation === 'revive') return effect.revive;
  if (operation === 'switchover') return isPaused ? effect.switchoverPaused : effect.switchover(active?.name ?? '');
  if (node.role !== 'active') return effect.fallStandby;
  if (isPaused) return effect.fallPaused;
  return nodes.some(({ role }) => role === 'standby') ? effect.fallActive : effect.fallLast;
}
