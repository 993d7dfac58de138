import { probeHealth } from './health.ts';
import { NoResponseError } from './single-request.ts';

/**
 * Keeps a client with the cluster that it signed in to: nothing is sent to a node of another cluster, nor to one whose
 * database is in an epoch that the cluster has left. After a copy of the database, or while two PostgreSQL servers are both
 * primary, an address may lead to such a node.
 */
export class ClusterCheck {
  readonly #send: typeof fetch;
  #cluster: string | undefined;
  #epoch: string | undefined;
  /** Epochs that the cluster has left. */
  readonly #leftEpochs = new Set<string>();

  constructor(send: typeof fetch, cluster: string | undefined) {
    this.#send = send;
    this.#cluster = cluster;
  }

  /** The id of the cluster; undefined before a sign-in. */
  get clusterId(): string | undefined {
    return this.#cluster;
  }

  /** Stays with this cluster from now on: `cluster` and `epoch` are from the response to a sign-in. */
  signedIn(cluster: unknown, epoch: unknown): void {
    if (typeof cluster !== 'string') return;
    this.#cluster = cluster;
    this.#epoch = undefined;
    this.#leftEpochs.clear();
    if (typeof epoch === 'string') this.#epoch = epoch;
  }

  /**
   * Checks a node before it is used. Returns true if it has responded to GET /health; before a sign-in sends nothing and returns false.
   * @throws {NoResponseError} with `notSent` if the node does not respond or must not be used.
   */
  async check(url: string, ms: number, signal: AbortSignal): Promise<boolean> {
    if (this.#cluster === undefined) return false;
    const { cluster, epoch } = (await probeHealth(this.#send, url, ms, signal)).body ?? {};
    if (typeof cluster === 'string' && cluster !== this.#cluster) {
      throw new NoResponseError(`belongs to cluster ${cluster}, and this client signed in to ${this.#cluster}`, true);
    }
    if (typeof epoch !== 'string' || epoch === '' || epoch === this.#epoch) return true;
    if (this.#leftEpochs.has(epoch)) {
      throw new NoResponseError(
        `is on a database in epoch ${epoch}, which the cluster has left for ${this.#epoch}`,
        true,
      );
    }
    if (this.#epoch !== undefined) this.#leftEpochs.add(this.#epoch);
    this.#epoch = epoch;
    return true;
  }
}
