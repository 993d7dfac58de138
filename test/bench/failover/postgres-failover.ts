import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerTools } from '../../../src/local-cluster/replicated/server-tools.ts';
import { startTcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { Scene } from '../../failure/scene.ts';
import { BareClient } from '../../replication/bare-client.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../support/postgres/replica.ts';
import type { ReplicaServer } from '../../support/postgres/replica-server.ts';
import { withSession } from '../../support/postgres/with-session.ts';
import type { Bench } from '../common/part.ts';
import type { Contestant } from '../common/section.ts';

/** Name of the row: the primary is killed with SIGKILL, and its synchronous standby promoted. */
export const POSTGRES_FAILOVER = "PostgreSQL's failover";

/** From the death of the primary to the promotion: a failover manager takes longer to notice. Part of the fault, not a wait for it. */
const NOTICE_MS = 1000;

/** Starts a synchronous pair of PostgreSQL servers, two nodes whose URL names both, and a bare client as the floor. */
export async function postgresFailover(bench: Bench, tools: ServerTools): Promise<Contestant> {
  bench.progress.say('starting PostgreSQL with a standby, and two nodes');
  const postgres = await startReplicatedPostgres({ tools, synchronous: true });
  bench.defer(() => postgres.remove());
  // For the measurement itself. The nodes find the primary by their URL.
  const follower = await startTcpProxy({ port: postgres.primary.port });
  bench.defer(() => follower.close());
  const bare = new BareClient(
    postgres.servers.map(({ url }) => url),
    () => performance.now(),
  );
  const scene = await Scene.open({
    databaseUrl: follower.via(postgres.primary.url),
    env: { DATABASE_URL: `${postgres.url}?target_session_attrs=read-write` },
    leaseMs: 2000,
    everyMs: 4,
  });
  bench.defer(() => scene.close());

  const round = async () => {
    await scene.untilSettled();
    await sleep(Math.random() * 500);
    const [failed, next] = [postgres.primary, postgres.standby];
    const stop = new AbortController();
    const running = bare.run(stop.signal);
    let acceptsAt = 0;
    const { gap } = await scene.broken(
      async () => {
        await failed.kill();
        await sleep(NOTICE_MS);
        const promoted = writableAt(next);
        await postgres.promote(next);
        acceptsAt = await promoted;
        follower.pointAt({ port: next.port });
      },
      { mend: () => rejoin(postgres, failed) },
    );
    stop.abort();
    await running;
    const commit = bare.commits.find((at) => at >= acceptsAt) ?? Number.NaN;
    return { gap: gap.ms, after: gap.to - acceptsAt, floor: commit - acceptsAt };
  };
  return { name: POSTGRES_FAILOVER, round };
}

async function rejoin(postgres: ReplicatedPostgres, server: ReplicaServer): Promise<void> {
  await postgres.rejoin(server);
  await postgres.setSynchronous(true);
}

/** Returns the time at which a standby accepts writes, as seen by a session that was open before. */
async function writableAt(standby: ReplicaServer): Promise<number> {
  return withSession(standby.url, async (client) => {
    for (;;) {
      const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
      if (rows[0].standby === false) return performance.now();
      await sleep(1);
    }
  });
}
