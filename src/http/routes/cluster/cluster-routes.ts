import type { Sequelize } from 'sequelize';
import { z } from 'zod';
import { SqlState, sqlState } from '../../../database/errors.ts';
import { query } from '../../../database/query.ts';
import { type NoActiveRow, READ_NO_ACTIVE_MS } from '../../../database/sql/no-active-time.ts';
import { fraction } from '../../contract/json-schema.ts';
import { nothing } from '../../contract/request-schemas.ts';
import { prefersHtml } from '../../request/prefers-html.ts';
import { ttlCache } from '../../request/ttl-cache.ts';
import { assetAt, type SendAsset } from '../../response/send-asset.ts';
import type { Services } from '../../services.ts';
import { type Route, route } from '../route.ts';
import { readTerms, termRow } from './cluster-terms.ts';

/** Half of a node's heartbeat interval: data is seldom newer than this, and clients that poll constantly take no connection from the chat. */
const SHARED_MS = 500;

/** How long a request waits for a session that has locked the rows of the nodes. */
const LOCK_LIMIT_MS = 100;
/** The same as in plantao.cluster_status. */
const SILENT_MS = 3000;

/** The maximum number of nodes in a response, by their latest heartbeat: nodes that are named after their process leave many rows. */
const MAX_NODES = 100;

const nodeRow = z.object({
  node: z.string(),
  url: z.string(),
  pid: z.number(),
  role: z.string().describe('The role of the node.'),
  term: z.number().nullable(),
  heartbeat_age_ms: z.number(),
  version: z.string(),
  position: z.number(),
  behind: z.number(),
  waiters: z.number(),
  posts_per_second: fraction,
  commit_ms: fraction.nullable(),
  delivery_ms: fraction.nullable(),
});
const standbyRow = z.object({
  standby: z.string(),
  state: z.string(),
  sync_state: z.string(),
  lag_bytes: z.number().nullable(),
  lag_events: z.number().nullable(),
  lag_ms: z.number().nullable(),
  messages_at_risk: z.number().nullable(),
});
const durability = z
  .object({
    durable: z
      .enum(['local', 'replicated'])
      .describe('What a commit waits for: the primary only, or also the synchronous standbys.'),
    messages_at_risk: z
      .number()
      .nullable()
      .describe('Messages that a failover of PostgreSQL at this moment could lose; null without a standby.'),
    standbys: z.array(standbyRow),
  })
  .describe('The view plantao.durability. Lags are null where the database may not show them.');
const pauseRow = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  reason: z.string().nullable(),
  asked_by: z.string(),
});

/** The response to GET /cluster. */
export const clusterResponse = z.object({
  term: z.number().nullable(),
  active_node: z.string().nullable(),
  active_url: z.string().nullable(),
  no_active_ms: z.number().nullable(),
  cluster: z.string().nullable().describe('The id of the cluster'),
  rival: z
    .object({ node: z.string(), url: z.string(), term: z.number(), epoch: z.string().nullable() })
    .nullable()
    .describe(
      'An active node of the same cluster id on another database: PostgreSQL has two primaries, or one is a copy',
    ),
  pause: pauseRow.nullable().describe('The pause of failover: until it ends no other node is promoted'),
  nodes: z.array(nodeRow),
  history: z.array(termRow),
  durability,
});

/** `/cluster`: the views plantao.cluster_status, plantao.leader_history and plantao.durability as JSON; for a browser, a page. */
export function clusterRoutes({ sequelize, cluster, showsActiveUrl }: Services, send: SendAsset): Route[] {
  const readNodes = nodesReader(sequelize);
  const readCluster = ttlCache(SHARED_MS, () => readViews(sequelize, readNodes));
  const readLastActive = ttlCache(SHARED_MS, () => lastActive(sequelize));
  return [
    route({
      method: 'get',
      path: '/cluster',
      servedBy: 'every node',
      requires: 'anyone',
      summary: 'The nodes, and the last promotions with their reasons',
      description: 'A browser (`Accept: text/html`) gets the cluster page, which shows them live',
      input: nothing,
      responseBody: clusterResponse,
      hasPage: true,
      async handle({ request, response }) {
        if (prefersHtml(request, 'application/json')) {
          response.vary('Accept');
          await send(request, response, await assetAt('/cluster'));
          return undefined;
        }
        const [nodes, history, [replication]] = await readCluster();
        const { term, activeNode, activeUrl, id, secondActive, pause } = cluster;
        const no_active_ms = activeNode === null ? msWithoutActive(await readLastActive(), cluster.noActiveMs) : null;
        const active_url = showsActiveUrl ? activeUrl : null;
        return {
          headers: { Vary: 'Accept' },
          body: {
            ...{ term, active_node: activeNode, active_url, no_active_ms },
            ...{
              cluster: id,
              rival: secondActive,
              pause: pause && pauseView(pause),
              nodes,
              history,
              durability: replication,
            },
          },
        };
      },
    }),
  ];
}

interface LastActive {
  /** Milliseconds since a node was last known to be active, according to the database; null if none ever was. */
  ms: number | null;
  readAt: number;
}

/** Reads from the database when a node was last active: this node does not know it if it was started while none was active. */
async function lastActive(sequelize: Sequelize): Promise<LastActive> {
  const [row] = await query<NoActiveRow>(sequelize, READ_NO_ACTIVE_MS);
  return { ms: row?.ms ?? null, readAt: performance.now() };
}

/** Returns the shorter of the two times: both are counted from the last sign of an active node that was seen. */
function msWithoutActive({ ms, readAt }: LastActive, observedMs: number | null): number | null {
  const known = [ms === null ? null : ms + performance.now() - readAt, observedMs].filter((one) => one !== null);
  return known.length === 0 ? null : Math.round(Math.min(...known));
}

function pauseView({ since, until, reason, askedBy }: NonNullable<Services['cluster']['pause']>) {
  return { since, until, reason, asked_by: askedBy };
}

type NodeRow = z.infer<typeof nodeRow>;

const NODES = `SELECT node, url, pid, role, term, heartbeat_age_ms, version, position, behind, waiters,
    posts_per_second, commit_ms, delivery_ms
  FROM (SELECT * FROM plantao.cluster_status ORDER BY heartbeat_age_ms LIMIT ${MAX_NODES}) s ORDER BY node`;

/** Returns a function that reads the nodes. While a session has locked their table, no node can write its row: the last rows age. */
function nodesReader(sequelize: Sequelize): () => Promise<NodeRow[]> {
  let last: { rows: NodeRow[]; at: number } | null = null;
  return async () => {
    try {
      const rows = await sequelize.transaction(async (transaction) => {
        await query(transaction, `SELECT set_config('lock_timeout', '${LOCK_LIMIT_MS}', true)`);
        return query<NodeRow>(transaction, NODES);
      });
      last = { rows, at: performance.now() };
      return rows;
    } catch (error) {
      if (!last || sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) throw error;
      const { rows, at } = last;
      return rows.map((row) => aged(row, Math.round(performance.now() - at)));
    }
  };
}

/** Returns the row as the view would show it later. */
function aged(row: NodeRow, byMs: number): NodeRow {
  const age = row.heartbeat_age_ms + byMs;
  return { ...row, heartbeat_age_ms: age, role: row.role !== 'stopped' && age > SILENT_MS ? 'silent' : row.role };
}

function readViews(sequelize: Sequelize, readNodes: () => Promise<NodeRow[]>) {
  return Promise.all([
    readNodes(),
    readTerms(sequelize, { limit: 20 }),
    query(
      sequelize,
      `SELECT plantao.commit_durability() AS durable, plantao.messages_at_risk() AS messages_at_risk,
              (SELECT coalesce(json_agg(json_build_object('standby', standby, 'state', state, 'sync_state', sync_state,
                 'lag_bytes', lag_bytes, 'lag_events', lag_events, 'lag_ms', lag_ms, 'messages_at_risk', messages_at_risk)), '[]')
               FROM plantao.durability WHERE standby IS NOT NULL) AS standbys`,
    ),
  ]);
}
