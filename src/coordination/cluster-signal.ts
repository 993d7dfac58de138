/**
 * What the nodes tell each other on the NOTIFY channel `plantao_cluster`. Whoever may connect to the database may say it
 * too: each is a hint to look at what only PostgreSQL knows, the lock, the terms, or what was asked of the active.
 */
export type ClusterSignal = DutySignal | { kind: 'switchover' };

/** A node tells that it went on duty, or gave it up. */
export type DutySignal =
  | { kind: 'promoted'; term: number; node: string; url: string }
  | { kind: 'resigned'; term: number; to: string | null };

/** Reads a payload of the channel `plantao_cluster`; null for anything that no node sends. */
export function readSignal(payload: unknown): ClusterSignal | null {
  if (typeof payload !== 'object' || payload === null || !('kind' in payload)) return null;
  const { kind, term, node, url, to } = payload as Record<string, unknown>;
  const target = typeof to === 'string' ? to : null;
  if (kind === 'promoted' && typeof term === 'number' && typeof node === 'string' && typeof url === 'string') {
    return { kind, term, node, url };
  }
  if (kind === 'resigned' && typeof term === 'number') return { kind, term, to: target };
  return kind === 'switchover' ? { kind } : null;
}
