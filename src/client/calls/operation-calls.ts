import type { CallOptions } from '../requests/cluster-connection.ts';
import type {
  ClusterActivity,
  ClusterBlocking,
  ClusterStatus,
  ClusterTimeline,
  LogLevelChange,
  Switchover,
} from '../types.ts';
import type { Calls } from './calls.ts';

/** Operating the cluster: `client.operations`. With AUTH=token these need the ADMIN_TOKEN as the client's token. */
export class OperationCalls {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Returns GET /cluster: the nodes and the latest terms, as recorded in the database. */
  async cluster(options: CallOptions = {}): Promise<ClusterStatus> {
    return this.#calls.read<ClusterStatus>('/cluster', {}, 'nodes', options);
  }

  /** Returns the terms of the last day, newest first. */
  async timeline(options: CallOptions = {}): Promise<ClusterTimeline> {
    return this.#calls.read<ClusterTimeline>('/cluster/timeline', {}, 'terms', options);
  }

  /** Returns the figures of every node during the last five minutes. */
  async activity(options: CallOptions = {}): Promise<ClusterActivity> {
    return this.#calls.read<ClusterActivity>('/cluster/activity', {}, 'nodes', options);
  }

  /** Returns the database sessions that block the nodes, with the statement that ends each. */
  async blocking(options: CallOptions = {}): Promise<ClusterBlocking> {
    return this.#calls.read<ClusterBlocking>('/cluster/blocking', {}, 'blocking', options);
  }

  /** Hands the active role over to the named standby, or to any. */
  async switchover(to?: string, options: CallOptions = {}): Promise<Switchover> {
    const request = { body: to === undefined ? {} : { to }, repeatable: false };
    return this.#calls.write<Switchover>('/switchover', request, 'message', options);
  }

  /** Takes one node out of service. */
  async fall(url: string, options: CallOptions = {}): Promise<void> {
    await this.#calls.connection.writeTo(url, { method: 'POST', path: '/fall' }, options);
  }

  /** Brings one node back into service, as a candidate. */
  async revive(url: string, options: CallOptions = {}): Promise<void> {
    await this.#calls.connection.writeTo(url, { method: 'POST', path: '/revive' }, options);
  }

  /** Pauses failover for maintenance, through any one node. No other node becomes active until the pause ends, by itself after `minutes`. */
  async pause(
    url: string,
    { minutes, reason }: { minutes?: number; reason?: string } = {},
    options: CallOptions = {},
  ): Promise<void> {
    const body = { ...(minutes === undefined ? {} : { minutes }), ...(reason === undefined ? {} : { reason }) };
    await this.#calls.connection.writeTo(url, { method: 'POST', path: '/pause', body }, options);
  }

  /** Ends the pause of failover, through any one node. */
  async resume(url: string, options: CallOptions = {}): Promise<void> {
    await this.#calls.connection.writeTo(url, { method: 'POST', path: '/resume' }, options);
  }

  /** Changes how much one node logs, until it restarts. */
  async setLogLevel(url: string, level: LogLevelChange['level'], options: CallOptions = {}): Promise<void> {
    await this.#calls.connection.writeTo(url, { method: 'POST', path: '/log-level', body: { level } }, options);
  }
}
