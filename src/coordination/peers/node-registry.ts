import { QueryTypes, type Sequelize } from 'sequelize';
import type { Log } from '../../log.ts';

/** The row that a node writes about itself; plantao.cluster_status shows it. */
export interface NodeRow {
  node: string;
  url: string;
  pid: number;
  version: string;
  role: 'active' | 'standby' | 'fallen' | 'stopped';
  isPreferred: boolean;
  term: number | null;
  position: number;
  waiters: number;
  startedAt: Date;
}

/** A peer as its own row tells it, with the row's age by the database's clock. */
export interface PeerRow {
  node: string;
  url: string;
  role: string;
  term: number | null;
  is_primary: boolean;
  heartbeat_age_ms: number;
}

/** None of what is written here waits for a synchronous standby: no client is told that it is stored. */
const UNACKNOWLEDGED = "set_config('synchronous_commit', 'local', true)";

interface Row extends PeerRow {
  pid: number;
  is_mine: boolean;
  is_asked: boolean;
  cluster: string;
}

/** What was found when a node wrote its row. */
export interface Beat {
  /** The database's cluster id. */
  cluster: string | null;
  /** The rows of its peers as they were before. */
  peers: PeerRow[];
  /** There is a {@link NodeRegistry.takeRequest request} for the term in the row. */
  isAsked: boolean;
}

/** The table of nodes: how a node tells of itself and finds its peers. Nothing here decides who is active. */
export class NodeRegistry {
  readonly #sequelize: Sequelize;
  readonly #log: Log;
  #hasWritten = false;
  #hasWarned = false;

  constructor(sequelize: Sequelize, log: Log) {
    this.#sequelize = sequelize;
    this.#log = log;
  }

  /**
   * Writes this node's row and reads those of its peers, in one statement. Peers that have been silent for ten minutes are
   * not looked for any more; their rows stay for the DBA. Rows of another history came with a copy of the database: their
   * nodes are those of the original.
   */
  async beat(row: NodeRow): Promise<Beat> {
    const rows = await this.#sequelize.query<Row>(
      `WITH me AS (
         INSERT INTO plantao.nodes AS n (node, url, pid, version, role, is_primary, term, position, waiters, started_at,
           history)
         VALUES ($node, $url, $pid, $version, $role, $isPreferred, $term, $position, $waiters, $startedAt,
           plantao.history_fingerprint())
         ON CONFLICT (node) DO UPDATE SET url = excluded.url, pid = excluded.pid, version = excluded.version,
           role = excluded.role, is_primary = excluded.is_primary, term = excluded.term, position = excluded.position,
           waiters = excluded.waiters, started_at = excluded.started_at, heartbeat_at = clock_timestamp(),
           history = excluded.history
       )
       SELECT ${UNACKNOWLEDGED}, node, url, pid, role, term, is_primary, started_at = $startedAt AS is_mine,
              (SELECT id FROM plantao.cluster) AS cluster,
              EXISTS (SELECT FROM plantao.switchover_requests r WHERE r.term = $term) AS is_asked,
              plantao.ms_between(heartbeat_at, clock_timestamp()) AS heartbeat_age_ms
       FROM plantao.nodes
       WHERE role <> 'stopped' AND heartbeat_at > clock_timestamp() - interval '10 minutes'
         AND history = plantao.history_fingerprint()`,
      { bind: { ...row }, type: QueryTypes.SELECT },
    );
    const own = rows.find(({ node }) => node === row.node);
    if (this.#hasWritten && own && !own.is_mine) this.#warnOfTwin(own);
    this.#hasWritten = true;
    const cluster = rows[0]?.cluster ?? null;
    return {
      cluster,
      peers: rows.filter(({ node }) => node !== row.node),
      isAsked: rows.some((seen) => seen.is_asked),
    };
  }

  /** Takes up what plantao.switchover() has asked of the node on duty for `term`: each request once, the newest of several. */
  async takeRequest(term: number): Promise<{ handTo: string | null } | null> {
    const [request] = await this.#sequelize.query<{ handTo: string | null }>(
      `WITH taken AS (DELETE FROM plantao.switchover_requests WHERE term <= $term RETURNING id, term, hand_to)
       SELECT ${UNACKNOWLEDGED}, hand_to AS "handTo" FROM taken WHERE term = $term ORDER BY id DESC LIMIT 1`,
      { bind: { term }, type: QueryTypes.SELECT },
    );
    return request ?? null;
  }

  /** Asks the active to hand over to `node` (plantao.switchover), and answers in its words; what becomes of it is the active's. */
  async requestDuty(node: string): Promise<string> {
    const [row] = await this.#sequelize.query<{ answer: string }>('SELECT plantao.switchover($node) AS answer', {
      bind: { node },
      type: QueryTypes.SELECT,
    });
    return row?.answer ?? '';
  }

  /** Somebody has written this node's row since the node itself did. The lock still lets one alone be active. */
  #warnOfTwin({ node, url, pid }: Row): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.error(
      { event: 'name_taken' },
      `another node calls itself ${node} too (process ${pid}, ${url}): give each node a NODE_NAME of its own`,
    );
  }
}
