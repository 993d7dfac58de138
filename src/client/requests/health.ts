import type { NodeStatus } from '../types.ts';

/** Decodes the body of GET /health (undefined if none arrived). A fallen node sends 503 with a body: it is reachable. */
export function nodeStatus(url: string, body: Record<string, unknown> | undefined): NodeStatus {
  const status: NodeStatus = {
    url,
    reachable: body !== undefined,
    status: body?.status === 'alive' || body?.status === 'down' ? body.status : 'unknown',
    active: body?.active === true,
  };
  if (typeof body?.node === 'string') status.node = body.node;
  if (typeof body?.term === 'number') status.term = body.term;
  if (typeof body?.active_node === 'string' || body?.active_node === null) status.active_node = body.active_node;
  if (body?.auth === 'open' || body?.auth === 'token') status.auth = body.auth;
  return status;
}
