import type { Queryable } from '../../database/session/reconnecting-session.ts';

const LIMIT_MS = 2000;

/**
 * Which cluster's database this node works on, and which history of it. A copy of a database has the same cluster id in
 * another epoch, so both together tell a peer from a node of a copy or of its original.
 */
export class ClusterIdentity {
  readonly #session: Queryable;
  readonly #epoch: () => string;
  /** Null until it was loaded. */
  cluster: string | null = null;

  /** `epoch` is the newest one that this node has read. */
  constructor(session: Queryable, epoch: () => string) {
    this.#session = session;
    this.#epoch = epoch;
  }

  get epoch(): string {
    return this.#epoch();
  }

  /** Reads it. A database that is a copy begins its own epoch here, before its nodes listen to anybody. @throws its error. */
  async load(): Promise<void> {
    await this.#session.query({ text: 'SELECT plantao.continue_epoch()' }, LIMIT_MS);
    const [row] = await this.#session.query<{ id: string }>({ text: 'SELECT id FROM plantao.cluster' }, LIMIT_MS);
    this.cluster = row?.id ?? null;
  }

  /** True where these words are of a node of this very cluster and history. */
  matches(said: { cluster: string | null; epoch: string | null }): boolean {
    return this.cluster !== null && said.cluster === this.cluster && said.epoch === this.epoch;
  }
}
