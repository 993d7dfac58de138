/**
 * What the nodes tell each other on the NOTIFY channel `plantao_cluster`. Whoever may connect to the database may say it
 * too: each is a hint to look at what only PostgreSQL knows, the lock, the terms, or what was asked of the active.
 */
export type ClusterSignal = RoleSignal | { kind: 'switchover' };

/** A node tells that it went on duty, or gave it up. */
export type RoleSignal =
  | { kind: 'promoted'; term: number; node: string; url: string }
  | { kind: 'resigned'; term: number; to: string | null };

/** As NODE_NAME allows them: what any role may send reaches the log, where a line break or a control would forge a line. */
const NODE_NAME = /^[\w.-]{1,40}$/;
const URL_TEXT = /^[\x21-\x7e]{1,1000}$/;
const isText = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);

/** Reads a payload of the channel `plantao_cluster`; null for anything that no node sends. */
export function readSignal(payload: unknown): ClusterSignal | null {
  if (typeof payload !== 'object' || payload === null || !('kind' in payload)) return null;
  const { kind, term, node, url, to } = payload as Record<string, unknown>;
  if (kind === 'switchover') return { kind };
  if (!Number.isSafeInteger(term)) return null;
  if (kind === 'promoted' && isText(node, NODE_NAME) && isText(url, URL_TEXT)) {
    return { kind, term: Number(term), node, url };
  }
  if (kind !== 'resigned') return null;
  return { kind, term: Number(term), to: isText(to, NODE_NAME) ? to : null };
}
