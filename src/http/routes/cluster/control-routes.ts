import { z } from 'zod';
import { statusOf } from '../../contract/error-codes.ts';
import { nothing } from '../../contract/request-schemas.ts';
import { nodeName } from '../../contract/text-schemas.ts';
import { HttpError } from '../../http-error.ts';
import { prefersHtml } from '../../request/prefers-html.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { requesterOf } from './requester.ts';

const peer = z.object({ url: z.string(), node: z.string().nullable(), alive: z.boolean(), active: z.boolean() });
/** The response to GET /health and the other checks. */
export const health = z
  .object({
    status: z.enum(['alive', 'down']),
    active: z.boolean(),
    role: z.enum(['active', 'standby', 'fallen']).describe('The role of the node.'),
    cluster: z
      .string()
      .nullable()
      .describe('The id of the cluster; a copy of its database has the same one in another epoch'),
    epoch: z.string(),
    node: z.string(),
    url: z.string(),
    term: z.number().nullable(),
    active_node: z.string().nullable(),
    no_active_ms: z.number().nullable(),
    paused_until: z.iso
      .datetime()
      .nullable()
      .describe('When the pause of failover for maintenance ends by itself; null while there is none'),
    auth: z.enum(['open', 'token']).describe('How users sign in: by name alone, or with a password'),
    peers: z.array(peer),
    ready: z
      .boolean()
      .describe('Whether the node can do the work of its role now; the status of /readiness says the same'),
    conditions: z
      .array(z.object({ name: z.string(), reason: z.string(), since: z.iso.datetime() }))
      .describe('Current problems of the node, or of what it depends on'),
  })
  .meta({ id: 'Health' });

/** Returns the node's state. Needs only memory, so it works without the database. */
function healthOf({ cluster, readiness, authMode }: Services): z.output<typeof health> {
  return {
    status: cluster.role === 'fallen' ? 'down' : 'alive',
    active: cluster.acceptsWrites,
    role: cluster.role,
    cluster: cluster.id,
    epoch: cluster.epoch,
    node: cluster.node,
    url: cluster.url,
    term: cluster.term,
    active_node: cluster.activeNode,
    no_active_ms: wholeMs(cluster.noActiveMs),
    paused_until: cluster.pause?.until.toISOString() ?? null,
    auth: authMode,
    peers: cluster.peers(),
    ready: readiness.isReady,
    conditions: readiness.conditions.map((one) => ({ ...one, since: one.since.toISOString() })),
  };
}

const wholeMs = (ms: number | null) => (ms === null ? null : Math.round(ms));

/** The shortest time that the header can express, in seconds. A failover is usually over by then. */
const RETRY_SOON = { 'Retry-After': '1' };

/** `/`, `/health`, `/fall`, `/revive`, `/switchover` and the checks for load balancers. */
export function controlRoutes(services: Services): Route[] {
  return [
    rootRoute(services),
    ...checkRoutes(services),
    fallRoute(services),
    reviveRoute(services),
    switchoverRoute(services),
  ];
}

function rootRoute({ version }: Services): Route {
  return route({
    method: 'get',
    path: '/',
    servedBy: 'every node',
    requires: 'anyone',
    unlimited: true,
    summary: 'Name and version; a browser is sent to /home',
    input: nothing,
    content: 'text/plain',
    handle({ request, response }) {
      if (prefersHtml(request, 'text/plain'))
        // Relative: a proxy may serve this under a path of its own.
        response.writeHead(302, { Location: 'home' }).end();
      else response.type('text/plain').send(`Plantão ${version}\n`);
      return undefined;
    },
  });
}

const readinessInput = z.object({ for: z.enum(['reads'], 'must be reads, or absent').optional() });

function checkRoutes(services: Services): Route[] {
  const { cluster, readiness } = services;
  const check = (
    path: string,
    summary: string,
    passes: (input: z.output<typeof readinessInput>) => boolean,
    input: z.ZodType<z.output<typeof readinessInput>> = nothing,
  ) =>
    route({
      method: 'get',
      path,
      servedBy: 'every node',
      requires: 'anyone',
      unlimited: true,
      summary,
      input,
      responseBody: health,
      alsoStatuses: [503],
      handle: ({ input }) =>
        passes(input) ? { body: healthOf(services) } : { status: 503, body: healthOf(services), headers: RETRY_SOON },
    });
  return [
    check('/health', 'Whether this node is alive, and whether it is active', () => cluster.role !== 'fallen'),
    check('/liveness', '200 while the process is running', () => true),
    check(
      '/readiness',
      '200 while the node can do the work of its role; with for=reads, while it can serve reads and polls',
      (input) => (input.for === 'reads' ? readiness.canRead : readiness.isReady),
      readinessInput,
    ),
    check('/primary', '200 on the active node, 503 elsewhere', () => cluster.acceptsWrites),
    check('/replica', '200 on a standby, 503 elsewhere', () => cluster.role === 'standby' && readiness.canRead),
  ];
}

function fallRoute({ cluster }: Services): Route {
  return route({
    method: 'post',
    path: '/fall',
    servedBy: 'every node',
    requires: 'admin',
    summary: 'Takes the node out of service: it steps down and ends every poll and stream',
    description: 'Repeating it is safe',
    input: nothing,
    responseBody: z.object({ status: z.string(), active: z.boolean() }),
    responseExample: { status: 'system down', active: false },
    async handle() {
      await cluster.fall();
      return { body: { status: 'system down', active: false } };
    },
  });
}

function reviveRoute({ cluster }: Services): Route {
  return route({
    method: 'post',
    path: '/revive',
    servedBy: 'every node',
    requires: 'admin',
    summary: 'Brings the node back into service, as a standby unless no node is active',
    description: 'Repeating it is safe',
    input: nothing,
    responseBody: z.object({ status: z.string(), active: z.boolean() }),
    responseExample: { status: 'system revived', active: false },
    async handle() {
      await cluster.revive();
      return { body: { status: 'system revived', active: cluster.acceptsWrites } };
    },
  });
}

/** The response to POST /switchover. */
export const switchoverResponse = z.object({
  message: z.string(),
  active_node: z.string().nullable(),
  active_url: z.string().nullable(),
});

function switchoverRoute({ cluster, showsActiveUrl, authMode }: Services): Route {
  const activeUrl = () => (showsActiveUrl ? cluster.activeUrl : null);
  return route({
    method: 'post',
    path: '/switchover',
    servedBy: 'active node',
    unqueued: true,
    requires: 'admin',
    summary: 'Hands the active role over to the named standby, or to any standby',
    description: 'Repeating it is safe if `to` is given: already_active then means that the first request succeeded',
    input: z.object({ to: nodeName.nullish() }),
    responseBody: switchoverResponse,
    responseExample: { message: 'handed over' },
    errorStatuses: [404, 409],
    async handle({ input, request }) {
      const refusal = await cluster.switchover(input.to ?? null, requesterOf(request, authMode));
      if (refusal !== null) {
        throw new HttpError(refusal.code, refusal.sentence, {
          extra: { active_url: activeUrl() },
          headers: statusOf(refusal.code) === 503 ? RETRY_SOON : {},
        });
      }
      return { body: { message: 'handed over', active_node: cluster.activeNode, active_url: activeUrl() } };
    },
  });
}
