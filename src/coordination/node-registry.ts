import { QueryTypes, type Sequelize } from 'sequelize';

/** The row that a node writes about itself; plantao.cluster_status shows it. */
export interface NodeRow {
  node: string;
  url: string;
  pid: number;
  version: string;
  role: 'active' | 'standby' | 'fallen' | 'stopped';
  isPrimary: boolean;
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
  heartbeat_age_ms: number;
}

/** The table of nodes: how a node tells of itself and finds its peers. Nothing here decides who is active. */
export class NodeRegistry {
  readonly #sequelize: Sequelize;

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /**
   * Writes this node's row and answers the rows of its peers, in one statement. Peers that have been silent for ten
   * minutes are not looked for any more; their rows stay for the DBA.
   */
  async beat(row: NodeRow): Promise<PeerRow[]> {
    return this.#sequelize.query<PeerRow>(
      `WITH me AS (
         INSERT INTO plantao.nodes AS n (node, url, pid, version, role, is_primary, term, position, waiters, started_at)
         VALUES ($node, $url, $pid, $version, $role, $isPrimary, $term, $position, $waiters, $startedAt)
         ON CONFLICT (node) DO UPDATE SET url = excluded.url, pid = excluded.pid, version = excluded.version,
           role = excluded.role, is_primary = excluded.is_primary, term = excluded.term, position = excluded.position,
           waiters = excluded.waiters, started_at = excluded.started_at, heartbeat_at = clock_timestamp()
       )
       SELECT node, url, role, term,
              round(extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000)::bigint AS heartbeat_age_ms
       FROM plantao.nodes
       WHERE node <> $node AND role <> 'stopped' AND heartbeat_at > clock_timestamp() - interval '10 minutes'`,
      { bind: { ...row }, type: QueryTypes.SELECT },
    );
  }

  /** Asks the active to hand over to `node` (plantao.switchover); it decides, and its refusal is in its log. */
  async requestDuty(node: string): Promise<void> {
    await this.#sequelize.query('SELECT plantao.switchover($node)', { bind: { node }, type: QueryTypes.SELECT });
  }
}
