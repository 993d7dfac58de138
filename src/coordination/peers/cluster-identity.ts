import type { Queryable } from '../../database/session/reconnecting-session.ts';

const LIMIT_MS = 2000;

/**
 * The cluster whose database this node works on, and the history of that database. A copy of a database has the same cluster
 * id in another epoch, so only both together distinguish a peer from a node of a copy or of its source.
 */
export class ClusterIdentity {
  readonly #session: Queryable;
  readonly #epoch: () => string;
  /** Null until it is loaded. */
  cluster: string | null = null;

  /** `epoch` is the newest one that this node has read. */
  constructor(session: Queryable, epoch: () => string) {
    this.#session = session;
    this.#epoch = epoch;
  }

  get epoch(): string {
    return this.#epoch();
  }

  /**
   * Reads the cluster id. A database that is a copy begins its own epoch here, before its nodes trust any peer.
   * @throws the database's error.
   */
  async load(): Promise<void> {
    await this.#session.query({ text: 'SELECT plantao.continue_epoch()' }, LIMIT_MS);
    const [row] = await this.#session.query<{ id: string }>({ text: 'SELECT id FROM plantao.cluster' }, LIMIT_MS);
    this.cluster = row?.id ?? null;
  }

  /** Returns true if the peer has the same cluster id and the same epoch. */
  matches(peer: { cluster: string | null; epoch: string | null }): boolean {
    return this.cluster !== null && peer.cluster === this.cluster && peer.epoch === this.epoch;
  }
}
