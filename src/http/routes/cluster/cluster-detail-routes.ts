/** The data of the cluster page beside `/cluster`: the terms of a day, the figures of the last minutes, and the sessions that block. */
import type { Sequelize } from 'sequelize';
import { z } from 'zod';
import { query } from '../../../database/query.ts';
import { fraction } from '../../contract/json-schema.ts';
import { nothing } from '../../contract/request-schemas.ts';
import { ttlCache } from '../../request/ttl-cache.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { readTerms, termRow } from './cluster-terms.ts';

/** Pages that are open in many browsers cost no more than one. */
const SHARED_MS = 1000;
const TIMELINE_HOURS = 24;
/** Enough for a failover every five minutes. */
const MAX_TERMS = 300;
const MAX_BLOCKERS = 20;

const figures = z.array(fraction.nullable());
const blockerRow = z.object({
  blocks: z
    .string()
    .meta({ description: 'What it blocks: event log, next term, a table or a node', examples: ['event log'] }),
  waiting: z.number().describe('How many sessions wait for it'),
  pid: z.number().nullable().describe('The process id of the session in PostgreSQL; null for a prepared transaction'),
  role: z.string().nullable().describe('The database role of the session'),
  client: z
    .string()
    .nullable()
    .meta({ description: 'The address of its client; null for a Unix socket', examples: ['10.0.0.7'] }),
  application: z
    .string()
    .nullable()
    .meta({ description: 'Its application_name', examples: ['psql'] }),
  state: z.string().nullable().describe('The state of the session, or `prepared transaction`'),
  open_ms: z.number().nullable().describe('How long its transaction has been open, in milliseconds'),
  ended_by: z.string().meta({
    description: 'The SQL statement that ends it; its uncommitted writes roll back',
    examples: ['SELECT pg_terminate_backend(4321)'],
  }),
});

/** The response to GET /cluster/timeline. */
export const timelineResponse = z.object({
  now: z.iso.datetime().describe('The time of the response, by the clock of the database'),
  terms: z.array(termRow).describe('The terms, newest first'),
});

/** The response to GET /cluster/activity. */
export const activityResponse = z.object({
  step_ms: z.number().describe('The length of an interval, in milliseconds'),
  nodes: z.array(
    z.object({
      node: z.string(),
      posts_per_second: figures.describe('Posts per second that the node committed'),
      waiters: figures.describe('Long polls and streams that wait on the node'),
      commit_ms: figures.describe('The longest commit of posts, in milliseconds'),
      delivery_ms: figures.describe('The longest time from an event’s record to its delivery, in milliseconds'),
    }),
  ),
});

/** The response to GET /cluster/blocking. */
export const blockingResponse = z.object({
  blocking: z.array(blockerRow).describe('The sessions, the oldest transaction first'),
});

/** `/cluster/timeline`, `/cluster/activity` and `/cluster/blocking`. */
export function clusterDetailRoutes(services: Services): Route[] {
  return [timelineRoute(services), activityRoute(services), blockingRoute(services)];
}

function timelineRoute({ sequelize }: Services): Route {
  const read = ttlCache(SHARED_MS, async () => {
    const terms = await readTerms(sequelize, { limit: MAX_TERMS, hours: TIMELINE_HOURS });
    // By the database's clock, as the terms: the clock of this node may be wrong.
    const [clock] = await query<{ now: Date }>(sequelize, 'SELECT clock_timestamp() AS now');
    return { now: (clock?.now ?? new Date()).toISOString(), terms };
  });
  return route({
    method: 'get',
    path: '/cluster/timeline',
    servedBy: 'every node',
    requires: 'anyone',
    summary: `The terms of the last ${TIMELINE_HOURS} hours, at most ${MAX_TERMS}`,
    input: nothing,
    responseBody: timelineResponse,
    handle: async () => ({ body: await read() }),
  });
}

function activityRoute({ activity }: Services): Route {
  return route({
    method: 'get',
    path: '/cluster/activity',
    servedBy: 'every node',
    requires: 'anyone',
    summary: 'The figures of every node during the last five minutes, for charts',
    description:
      'As this node read them from plantao.nodes: one entry for each interval, oldest first, null where the node reported nothing',
    input: nothing,
    responseBody: activityResponse,
    handle: () => ({ body: { step_ms: activity.stepMs, nodes: activity.view() } }),
  });
}

function blockingRoute({ sequelize }: Services): Route {
  const read = ttlCache(SHARED_MS, () => readBlocking(sequelize));
  return route({
    method: 'get',
    path: '/cluster/blocking',
    servedBy: 'every node',
    requires: 'admin',
    summary: 'The database sessions that block the nodes, with the statement that ends each',
    description: 'From the view plantao.blocking, which is normally empty',
    input: nothing,
    responseBody: blockingResponse,
    handle: async () => ({ body: { blocking: await read() } }),
  });
}

/** Leaves out short transactions that no session waits for. */
function readBlocking(sequelize: Sequelize): Promise<object[]> {
  return query(
    sequelize,
    `SELECT blocks, waiting, pid, usename AS role, host(client_addr) AS client, application_name AS application, state,
            plantao.ms_between(since, clock_timestamp()) AS open_ms, ended_by
     FROM plantao.blocking
     WHERE waiting > 0 OR state IS DISTINCT FROM 'active' OR open_for > interval '1 second'
     LIMIT ${MAX_BLOCKERS}`,
  );
}
