/// <reference lib="dom" />
import { ChatError } from '../../../client/index.ts';
import { callNode } from './node-reader.ts';
import type { NodeState } from './node-state.ts';

/** An operation on a node. */
export type NodeOperation = 'fall' | 'revive' | 'switchover';

const KEY = 'plantao.admin-token';
/** A switchover waits for the successor. */
const TIMEOUT_MS = 15_000;

/** Returns the operations that make sense for a node. */
export function operationsOf({ role }: NodeState, hasActive: boolean): NodeOperation[] {
  if (role === 'fallen') return ['revive'];
  if (role === 'active') return ['fall'];
  if (role === 'standby') return hasActive ? ['switchover', 'fall'] : ['fall'];
  return [];
}

/** A request to a node. */
export interface OperationRequest {
  address: string;
  body: object | undefined;
}

/** The longest pause, in minutes (plantao.pause). */
export const MAX_PAUSE_MINUTES = 1440;

/** Returns the request that pauses failover, which any node accepts. An empty reason is left out; `minutes` is NaN if its field is empty. */
export function pauseRequest(url: string, minutes: number, reason: string): OperationRequest {
  const given = {
    ...(Number.isNaN(minutes) ? {} : { minutes }),
    ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
  };
  return { address: `${url}/pause`, body: given };
}

/** Returns the request that ends the pause, which any node accepts. */
export const resumeRequest = (url: string): OperationRequest => ({ address: `${url}/resume`, body: undefined });

/** Returns the request of an operation: a switchover goes to the active node, the others to the node itself. */
export function operationRequest(
  operation: NodeOperation,
  node: NodeState,
  active: NodeState | undefined,
): OperationRequest {
  if (operation === 'switchover') return { address: `${active?.url ?? node.url}/switchover`, body: { to: node.name } };
  return { address: `${node.url}/${operation}`, body: undefined };
}

/** Returns a command line that does the same. */
export function curlOf({ address, body }: OperationRequest, needsToken: boolean): string {
  const token = needsToken ? " -H 'Authorization: Bearer ADMIN_TOKEN'" : '';
  const json =
    body === undefined
      ? ''
      : ` -H 'Content-Type: application/json' -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  return `curl -X POST${token}${json} '${address}'`;
}

/** Executes an operation. @throws {ChatError} `wrong_admin_token` if the node refuses the token. */
export async function executeOperation(request: OperationRequest, token: string | undefined): Promise<void> {
  try {
    await callNode(request.address, { method: 'POST', body: request.body, token, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    throw refusedToken(error) ?? error;
  }
}

/** Returns the error `wrong_admin_token` for the error of a node that refuses the token, and undefined for any other. */
export function refusedToken(error: unknown): ChatError | undefined {
  if (!(error instanceof ChatError) || (error.status !== 401 && error.status !== 403)) return undefined;
  return new ChatError(error.message, { code: 'wrong_admin_token', status: error.status });
}

/** Loads the admin token of this tab. */
export function loadAdminToken(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the admin token until the tab is closed; undefined forgets it. */
export function saveAdminToken(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // Storage is disabled: the token lasts as long as the page.
  }
}
