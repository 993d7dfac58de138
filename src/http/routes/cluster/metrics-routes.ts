import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { POST_OUTCOMES } from '../../../chat/posting/post-outcome.ts';
import { poolOf } from '../../../database/pool/sequelize.ts';
import { ERROR_CODES } from '../../contract/error-codes.ts';
import { nothing } from '../../contract/request-schemas.ts';
import { unfinishedBodies } from '../../request/body/unfinished-bodies.ts';
import { unreadResponses } from '../../response/unread-responses.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';

/** `/metrics` for Prometheus: figures of the process and the node. */
export function metricsRoutes(services: Services): Route[] {
  const { measurements } = services;
  const process = new Registry();
  // One sample every 50 ms, an interval that is part of each measured delay: with 10 ms, the default, an idle process wakes a hundred
  // times a second.
  collectDefaultMetrics({ register: process, eventLoopMonitoringPrecision: 50 });
  // The version is not exposed: it would help an attacker.
  process.removeSingleMetric('nodejs_version_info');
  // Gauges with the suffix of counters, which promtool refuses. The same figures by type remain.
  for (const kind of ['handles', 'requests', 'resources']) process.removeSingleMetric(`nodejs_active_${kind}_total`);
  const current = currentValues(services);
  measurements.announce({ outcomes: POST_OUTCOMES, codes: Object.keys(ERROR_CODES) });
  const registry = Registry.merge([process, current, measurements.registry]);
  return [
    route({
      method: 'get',
      path: '/metrics',
      servedBy: 'every node',
      requires: 'anyone',
      unlimited: true,
      summary: 'Figures for Prometheus',
      input: nothing,
      content: 'text/plain',
      async handle({ response }) {
        response.type(registry.contentType).send(await registry.metrics());
        return undefined;
      },
    }),
  ];
}

type Values = (register: Registry) => {
  gauge(name: string, help: string, read: () => number): void;
  counter(name: string, help: string, read: () => number): void;
};

/** Values that are read when they are requested. One that cannot be read is left out, and the others are shown. */
const valuesIn: Values = (register) => ({
  gauge: (name, help, read) =>
    void new Gauge({
      ...{ name, help, registers: [register] },
      collect() {
        this.reset();
        setSafely(read, (value) => this.set(value));
      },
    }),
  counter: (name, help, read) =>
    void new Counter({
      ...{ name, help, registers: [register] },
      collect() {
        this.reset();
        setSafely(read, (value) => this.inc(value));
      },
    }),
});

function setSafely(read: () => number, set: (value: number) => void): void {
  try {
    set(read());
  } catch {
    // A figure must not fail the request for all of them.
  }
}

function currentValues(services: Services): Registry {
  const register = new Registry();
  const { gauge } = valuesIn(register);
  const { cluster, readiness } = services;
  gauge('plantao_active', '1 while this node is active', () => Number(cluster.acceptsWrites));
  gauge('plantao_alive', '0 while this node is fallen', () => Number(cluster.role !== 'fallen'));
  gauge('plantao_ready', '1 while this node can do the work of its role, as /readiness says', () =>
    Number(readiness.isReady),
  );
  gauge('plantao_two_actives', '1 while another node is active with this cluster id on another database', () =>
    Number(cluster.secondActive !== null),
  );
  gauge('plantao_term', 'The newest term that this node knows', () => cluster.term ?? 0);
  gauge('plantao_active_known', '1 while this node knows which node is active', () =>
    Number(cluster.activeNode !== null),
  );
  gauge(
    'plantao_peers_alive',
    'Peers that respond to this node',
    () => cluster.peers().filter(({ alive }) => alive).length,
  );
  new Gauge({
    name: 'plantao_condition',
    help: '1 for each current problem, as /health names it',
    labelNames: ['condition'],
    registers: [register],
    collect() {
      this.reset();
      for (const { name } of readiness.conditions) this.set({ condition: name }, 1);
    },
  });
  leaseValues(services, register);
  clientValues(services, register);
  databaseValues(services, register);
  logValues(services, register);
  return register;
}

function leaseValues({ lease }: Services, register: Registry): void {
  const { gauge } = valuesIn(register);
  gauge('plantao_lease_seconds', 'LEASE_MS: how long a lost active node keeps the lock', () => lease.lengthMs / 1000);
  gauge(
    'plantao_lease_remaining_seconds',
    'Time until the lease of this node expires unless it is renewed; 0 on a node that is not active',
    () => lease.remainingMs / 1000,
  );
  gauge(
    'plantao_lease_renewal_delay_max_seconds',
    'The longest time, in this term, from when the lease was due to be renewed until PostgreSQL confirmed it',
    () => lease.worstDelayMs / 1000,
  );
}

function clientValues(services: Services, register: Registry): void {
  const { gauge, counter } = valuesIn(register);
  const { waiters, streams, pollSlots, queues, connectionTracker, writer, tokenCache } = services;
  gauge('plantao_waiters', 'Long polls and streams that wait', () => waiters.size);
  gauge('plantao_streams', 'Open event streams (SSE)', () => streams.size);
  gauge('plantao_poll_slots', 'Long polls and streams from their request to their end', () => pollSlots.size);
  gauge(
    'plantao_poll_slots_limit',
    'MAX_WAITERS: the maximum number of poll slots of this node',
    () => pollSlots.capacity,
  );
  gauge('plantao_requests', 'Requests in progress', () => connectionTracker.requests);
  gauge('plantao_queued_requests', 'Requests for chat data that wait for their turn', () => queues.queued);
  gauge('plantao_connections', 'Open client connections', () => connectionTracker.connections);
  gauge(
    'plantao_unread_response_bytes',
    'Long responses that clients have not read; beyond 256 MiB, the clients that have been reading for longest are disconnected',
    () => unreadResponses.bytes,
  );
  gauge(
    'plantao_unfinished_body_bytes',
    'Bodies that have arrived in part; beyond 64 MiB, the clients that have been sending for longest are disconnected',
    () => unfinishedBodies.bytes,
  );
  gauge('plantao_queued_posts', 'Messages that wait for the next commit', () => writer.queued);
  gauge('plantao_token_cache_tokens', 'Tokens in the cache', () => tokenCache.size);
  counter(
    'plantao_token_cache_misses_total',
    'Tokens that were not in the cache and were looked up in the database',
    () => tokenCache.misses,
  );
}

function logValues({ logOutput }: Services, register: Registry): void {
  const { counter } = valuesIn(register);
  counter(
    'plantao_log_lines_lost_total',
    'Lines of the log that were dropped because nothing read standard output, or its disk was full',
    () => logOutput.lost,
  );
}

function databaseValues(services: Services, register: Registry): void {
  const { gauge, counter } = valuesIn(register);
  const { eventLog, notifyQueue, listener } = services;
  const pool = poolOf(services.sequelize);
  gauge('plantao_log_position', 'How far this node has read the event log', () => eventLog.known.head);
  gauge(
    'plantao_log_read_age_seconds',
    'Time since this node last read the event log',
    () => eventLog.readAgeMs / 1000,
  );
  gauge('plantao_listening', '1 while this node receives notifications', () => Number(listener.isListening));
  counter(
    'plantao_listener_replacements_total',
    'Times that the LISTEN session was replaced because it missed notifications',
    () => listener.replacements,
  );
  gauge(
    'plantao_notify_queue_usage',
    "How full PostgreSQL's NOTIFY queue is, 0 to 1; from 0.5 on, events are no longer notified and arrive up to a second late",
    () => notifyQueue.usage,
  );
  gauge(
    'plantao_standby_waits',
    'Sessions of this database whose commit waits for a synchronous standby',
    () => notifyQueue.standbyWaits,
  );
  gauge('plantao_pool_connections', 'Connections of the pool, in use or not', () => pool.size);
  gauge('plantao_pool_connections_in_use', 'Connections of the pool that run a request', () => pool.using);
  gauge('plantao_pool_waiting_requests', 'Requests that wait for a connection of the pool', () => pool.waiting);
}
