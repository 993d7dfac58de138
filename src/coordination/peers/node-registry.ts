import { QueryTypes, type Sequelize } from 'sequelize';
import type { Log } from '../../log/log.ts';
import type { Load } from '../../measurements/load-meter.ts';
import type { EndCause, Requester } from '../end-cause.ts';
import type { PauseRow } from '../pause.ts';

/** The row that a node writes about itself; plantao.cluster_status shows it. */
export interface OwnNodeRow extends Load {
  node: string;
  /** The cluster id that the node knows; null for the database's. */
  cluster: string | null;
  url: string;
  pid: number;
  version: string;
  role: 'active' | 'standby' | 'fallen' | 'stopped';
  isPreferred: boolean;
  term: number | null;
  position: number;
  waiters: number;
  /** Posts that wait for the next commit. */
  queuedPosts: number;
  /** The reasons why it cannot do the work of its role, as sentences; null if it can. */
  conditions: string | null;
  startedAt: Date;
}

/** A peer as its own row describes it, with the row's age by the database's clock. */
export interface PeerRow {
  node: string;
  url: string;
  role: string;
  term: number | null;
  is_preferred: boolean;
  heartbeat_age_ms: number;
}

/** The load of a peer, as its own row describes it. */
interface PeerLoad extends Load {
  waiters: number;
}

/**
 * The maximum number of peers that a node follows: it probes each several times a second, and an INSERT by hand could add any
 * number of rows.
 */
export const MAX_PEERS = 100;

/** A reply that took longer says too little about the server's clock. */
const MAX_ROUND_TRIP_MS = 1000;

/**
 * Keeps the commit of a node's row from waiting for a synchronous standby: no client is promised that the row is stored. Use it in
 * RETURNING, which PostgreSQL evaluates for each row that is written; it does not evaluate a select list that no row reaches.
 */
const UNACKNOWLEDGED = "set_config('synchronous_commit', 'local', true)";

interface Row extends PeerRow, PeerLoad {
  pid: number;
  is_mine: boolean;
  is_requested: boolean;
  cluster: string;
  now_ms: string;
  pause: { since: string; until: string; reason: string | null; asked_by: string; remaining_ms: number } | null;
}

/** Writes this node's row, and reads it and those of its peers. */
const WRITE_AND_READ = `
  WITH me AS (
    INSERT INTO plantao.nodes AS n (node, url, pid, version, role, is_preferred, term, position, waiters, started_at,
      cluster, history, posts_per_second, commit_ms, delivery_ms, queued_posts, conditions, active_at)
    VALUES ($node, $url, $pid, $version, $role, $isPreferred, $term, $position, $waiters, $startedAt,
      coalesce($cluster::uuid, plantao.cluster_id()), plantao.history_fingerprint(),
      $postsPerSecond, $commitMs, $deliveryMs, $queuedPosts, left($conditions, 4096), CASE WHEN $role = 'active'
        THEN least(clock_timestamp(), coalesce(to_timestamp($sentAtMs::float8 / 1000), statement_timestamp())) END)
    ON CONFLICT (node) DO UPDATE SET url = excluded.url, pid = excluded.pid, version = excluded.version,
      role = excluded.role, is_preferred = excluded.is_preferred, term = excluded.term, position = excluded.position,
      waiters = excluded.waiters, started_at = excluded.started_at, heartbeat_at = clock_timestamp(),
      cluster = excluded.cluster, history = excluded.history, posts_per_second = excluded.posts_per_second,
      commit_ms = excluded.commit_ms, delivery_ms = excluded.delivery_ms, queued_posts = excluded.queued_posts,
      conditions = excluded.conditions,
      active_at = coalesce(excluded.active_at, n.active_at)
    RETURNING ${UNACKNOWLEDGED}
  )
  SELECT node, url, pid, role, term, is_preferred, waiters,
         posts_per_second AS "postsPerSecond", commit_ms AS "commitMs", delivery_ms AS "deliveryMs", started_at = $startedAt AS is_mine,
         plantao.cluster_id() AS cluster, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms,
         EXISTS (SELECT FROM plantao.switchover_requests r WHERE r.term = $term) AS is_requested,
         (SELECT json_build_object('since', p.since, 'until', p.until, 'reason', p.reason, 'asked_by', p.asked_by,
            'remaining_ms', plantao.ms_between(clock_timestamp(), p.until)) FROM plantao.current_pause p) AS pause,
         plantao.ms_between(heartbeat_at, clock_timestamp()) AS heartbeat_age_ms
  FROM plantao.nodes n
  WHERE role <> 'stopped' AND heartbeat_at > clock_timestamp() - interval '10 minutes'
    -- As subqueries, each function is called once and not for each row.
    AND history = (SELECT plantao.history_fingerprint()) AND (n.cluster = (SELECT plantao.cluster_id()) OR node = $node)
  -- A row from the future is not newer than others: the clock was set back, or it was inserted by hand.
  ORDER BY node <> $node, abs(extract(epoch FROM heartbeat_at - clock_timestamp())) LIMIT ${MAX_PEERS + 1}`;

/** The state that a node reads when it writes its row. */
export interface RegistryState {
  /** The database's cluster id. */
  cluster: string | null;
  /** The rows of its peers. */
  peers: (PeerRow & PeerLoad)[];
  /** True if plantao.switchover() was called for the term in the row. */
  isSwitchoverRequested: boolean;
  /** The pause of failover, if there is one. */
  pause: PauseRow | null;
  /** How far this process's wall clock is ahead of the server's, in milliseconds; null if the reply took too long to tell. */
  clockAheadMs: number | null;
}

/** A request made with plantao.switchover(). */
export interface SwitchoverRequest {
  /** The requested successor; null for any standby. */
  handTo: string | null;
  requester: Requester;
}

function pauseOf({ since, until, reason, asked_by, remaining_ms }: NonNullable<Row['pause']>): PauseRow {
  return { since: new Date(since), until: new Date(until), reason, askedBy: asked_by, remainingMs: remaining_ms };
}

/** The table plantao.nodes: a node publishes itself and finds its peers. Nothing here decides which node is active. */
export class NodeRegistry {
  readonly #sequelize: Sequelize;
  readonly #log: Log;
  #hasWritten = false;
  #hasWarned = false;
  /**
   * The server's clock, in milliseconds since 1970, minus this process's monotonic clock. With it `active_at` is the time at which the
   * row was sent: a stalled server, or a lock, delays the write, and the node may have lost its role in the meantime.
   */
  #serverAheadMs: number | null = null;

  constructor(sequelize: Sequelize, log: Log) {
    this.#sequelize = sequelize;
    this.#log = log;
  }

  /**
   * Writes this node's row and reads those of its peers, in one statement. Peers that have been silent for ten minutes are left
   * out; their rows stay for the DBA. Reads at most {@link MAX_PEERS}, those written last. Leaves out rows of another
   * history, which came with a copy of the database: their nodes belong to the source of the copy.
   */
  async write(row: OwnNodeRow): Promise<RegistryState> {
    const sentAt = performance.now();
    const rows = await this.#sequelize.query<Row>(WRITE_AND_READ, {
      bind: { ...row, sentAtMs: this.#serverAheadMs === null ? null : sentAt + this.#serverAheadMs },
      type: QueryTypes.SELECT,
    });
    const [first] = rows;
    const receivedAt = performance.now();
    const isPrompt = first !== undefined && receivedAt - sentAt < MAX_ROUND_TRIP_MS;
    if (isPrompt) this.#serverAheadMs = Number(first.now_ms) - receivedAt;
    const own = rows.find(({ node }) => node === row.node);
    if (this.#hasWritten && own && !own.is_mine) this.#warnOfDuplicateName(own);
    this.#hasWritten = true;
    const cluster = rows[0]?.cluster ?? null;
    return {
      cluster,
      peers: rows.filter(({ node }) => node !== row.node),
      isSwitchoverRequested: rows.some((seen) => seen.is_requested),
      pause: rows[0]?.pause ? pauseOf(rows[0].pause) : null,
      clockAheadMs: isPrompt ? Date.now() - Number(first.now_ms) : null,
    };
  }

  /** Removes the requests of plantao.switchover() to the active node of `term`, and returns the newest of them. */
  async takeRequest(term: number): Promise<SwitchoverRequest | null> {
    const [request] = await this.#sequelize.query<Requester & { handTo: string | null }>(
      `WITH taken AS (DELETE FROM plantao.switchover_requests r WHERE r.term <= $term RETURNING r.*, ${UNACKNOWLEDGED})
       SELECT hand_to AS "handTo", asked_by AS name, asked_via AS via, asked_from AS from, asked_at AS at
       FROM taken WHERE term = $term ORDER BY id DESC LIMIT 1`,
      { bind: { term }, type: QueryTypes.SELECT },
    );
    if (!request) return null;
    const { handTo, name, via, from, at } = request;
    return { handTo, requester: { name, via, from, at } };
  }

  /** Requests a switchover to `node`, and returns the result of plantao.switchover(); the active node decides. */
  async requestSwitchover(node: string): Promise<string> {
    const [row] = await this.#sequelize.query<{ answer: string }>('SELECT plantao.switchover($node) AS answer', {
      bind: { node },
      type: QueryTypes.SELECT,
    });
    return row?.answer ?? '';
  }

  /** Records in plantao.leader_history why this node lost the lock. */
  async reportLostLock(node: string, term: number, cause: EndCause): Promise<void> {
    const sql = 'SELECT plantao.report_lost_lock($term, $node, $cause)';
    await this.#sequelize.query(sql, { bind: { node, term, cause } });
  }

  /**
   * Logs once that another process has written this node's row: two nodes have the same name. The lock still lets only one of
   * them be active.
   */
  #warnOfDuplicateName({ node, url, pid }: Row): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.error(
      { event: 'name_taken' },
      `another node is also named ${node} (process ${pid}, ${url}): give each node a NODE_NAME of its own`,
    );
  }
}
