import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { nothing } from '../request/request-schemas.ts';
import type { Services } from '../services.ts';
import { type Route, route } from './route.ts';

/** `/metrics` for Prometheus: figures of the process and the node, read when requested. */
export function metricsRoutes(services: Services): Route[] {
  const { cluster, waiters, writer, eventLog, pollSlots, traffic, notifyQueue, lease } = services;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // The version is not exposed: it would help an attacker.
  registry.removeSingleMetric('nodejs_version_info');
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('plantao_active', '1 while this node is active', () => Number(cluster.acceptsWrites));
  gauge('plantao_alive', '0 while this node is fallen', () => Number(cluster.role !== 'fallen'));
  gauge('plantao_ready', '1 while this node could do its job, as /readiness says', () => Number(cluster.isReady));
  gauge('plantao_term', 'The newest term that this node knows', () => cluster.term ?? 0);
  gauge(
    'plantao_lease_renewal_delay_max_seconds',
    'The longest time, in this term, from when the lease was due to be renewed until PostgreSQL confirmed it',
    () => lease.worstDelayMs / 1000,
  );
  gauge('plantao_waiters', 'Long polls and streams that wait', () => waiters.size);
  gauge('plantao_poll_slots', 'Long polls and streams from their request to their end', () => pollSlots.size);
  gauge('plantao_requests', 'Requests that are not over', () => traffic.requests);
  gauge('plantao_connections', 'Open client connections', () => traffic.connections);
  gauge('plantao_queued_posts', 'Messages that wait for the next commit', () => writer.queued);
  gauge('plantao_log_position', 'How far this node has read the event log', () => eventLog.known.head);
  gauge(
    'plantao_notify_queue_usage',
    "How full PostgreSQL's NOTIFY queue is, 0 to 1; hints are skipped from 0.5 on",
    () => notifyQueue.usage,
  );
  return [
    route({
      method: 'get',
      path: '/metrics',
      serves: 'control',
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
