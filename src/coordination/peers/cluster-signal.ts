/**
 * A message of the NOTIFY channel `plantao_cluster`. Any role that may connect to the database can send one, so a notification is only
 * a hint to check the state in PostgreSQL: the lock, the terms, the requests for a switchover.
 */
export type ClusterSignal = RoleSignal | { kind: 'switchover' } | { kind: 'pause' };

/** A node became active, or resigned. */
type RoleSignal =
  | { kind: 'promoted'; term: number; node: string; url: string }
  | { kind: 'resigned'; term: number; to: string | null };

/**
 * A node's name, as the setting NODE_NAME allows it. Any role may send one, and it is logged: a line break would forge a line of
 * the log.
 */
const NODE_NAME = /^[\w.-]{1,40}$/;
const URL_TEXT = /^[\x21-\x7e]{1,1000}$/;
const isText = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);

/** Parses a payload of the channel `plantao_cluster`; returns null for anything that no node sends. */
export function parseClusterSignal(payload: unknown): ClusterSignal | null {
  if (typeof payload !== 'object' || payload === null || !('kind' in payload)) return null;
  const { kind, term, node, url, to } = payload as Record<string, unknown>;
  if (kind === 'switchover' || kind === 'pause') return { kind };
  if (!Number.isSafeInteger(term)) return null;
  if (kind === 'promoted' && isText(node, NODE_NAME) && isText(url, URL_TEXT)) {
    return { kind, term: Number(term), node, url };
  }
  if (kind !== 'resigned') return null;
  return { kind, term: Number(term), to: isText(to, NODE_NAME) ? to : null };
}
