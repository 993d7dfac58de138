/// <reference lib="dom" />
import { useState } from 'preact/hooks';
import { clusterTexts } from '../../../i18n/texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import type { Monitor } from '../../model/monitor.ts';
import type { NodeState } from '../../model/node-state.ts';
import { type NodeOperation, operationRequest } from '../../model/operations.ts';
import { useAdminForm } from './admin-form.tsx';

interface Props {
  monitor: Monitor;
  node: string;
  operation: NodeOperation;
  onClose: () => void;
}

/** Asks again before an operation, and for the admin token if the nodes need one. */
export function OperationDialog({ monitor, node: name, operation, onClose }: Props) {
  // The node as it was when the button was pressed: the dialog must not change under the cursor.
  const [opened] = useState(() => ({ node: monitor.nodes.find((one) => one.name === name), active: monitor.active }));
  const { node, active } = opened;
  if (node === undefined) return null;
  return <OpenedOperation monitor={monitor} node={node} active={active} operation={operation} onClose={onClose} />;
}

function OpenedOperation({
  monitor,
  node,
  active,
  operation,
  onClose,
}: Omit<Props, 'node'> & { node: NodeState; active: NodeState | undefined }) {
  const t = clusterTexts();
  const { form, send } = useAdminForm(monitor, operationRequest(operation, node, active));
  return (
    <Modal
      title={t.ask[operation](node.name)}
      action={t.operation[operation]}
      act={send}
      isDangerous={operation === 'fall'}
      onClose={onClose}
    >
      <p>{effectOf(operation, node, monitor, active)}</p>
      {form}
    </Modal>
  );
}

function effectOf(
  operation: NodeOperation,
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
