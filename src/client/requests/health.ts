import type { NodeStatus } from '../types.ts';
import { type ApiRequest, type ApiResponse, NoResponseError, sendOnce } from './single-request.ts';

/** The request for the state of a node. */
export const HEALTH: ApiRequest = { method: 'GET', path: '/health' };
/** A node responds to {@link HEALTH} from memory: one that takes longer than this is not serving. */
export const HEALTH_MS = 2000;

/**
 * Checks that a node responds, before another request is sent to it.
 * @throws {NoResponseError} with `notSent`, because the other request was not sent; the signal's reason when it is aborted.
 */
export async function probeHealth(
  send: typeof fetch,
  url: string,
  ms: number,
  signal: AbortSignal,
): Promise<ApiResponse> {
  try {
    return await sendOnce(send, url, HEALTH, Math.min(HEALTH_MS, ms), signal);
  } catch (error) {
    if (error instanceof NoResponseError) throw new NoResponseError(error.message, true, error);
    throw error;
  }
}

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
  if (typeof body?.paused_until === 'string' || body?.paused_until === null) status.paused_until = body.paused_until;
  if (body?.auth === 'open' || body?.auth === 'token') status.auth = body.auth;
  return status;
}
